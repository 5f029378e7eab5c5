// A line passes if every field that it has is what our tokenizer gives.
#include "tests/reference_runner/tokenizer_cases.hpp"

#include <algorithm>
#include <exception>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "runtime/tokenizer/decode_stream.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace kvern::reference {
namespace {

using nlohmann::json;
using Ids = std::vector<int64_t>;

std::string shorten(const json &value) {
  constexpr size_t kLongest = 160;
  const std::string text = value.dump();
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

// Throws if the line has the field and its value is another one.
void expect(const json &line, const std::string &field, const json &actual) {
  const auto expected = line.find(field);
  if (expected == line.end() || *expected == actual) return;
  throw std::runtime_error(field + ": expected " + shorten(*expected) + ", got " + shorten(actual));
}

// The value of an hf_ field, which is there only where it differs from the plain one.
void expect_hf(const json &line, const std::string &field, const json &actual) {
  expect(line, line.contains("hf_" + field) ? "hf_" + field : field, actual);
}

// The record has the tokens of the ids, but for an added token the text that matched it.
void expect_tokens(const json &line, const Tokenizer &tokenizer, const Ids &ids) {
  if (!line.contains("tokens")) return;
  json tokens = line["tokens"];
  for (size_t i = 0; i < ids.size() && i < tokens.size(); ++i)
    if (!tokenizer.is_added(ids[i])) tokens[i] = tokenizer.id_to_token(ids[i]).value_or("");
  while (tokens.size() > ids.size()) tokens.erase(tokens.size() - 1);
  expect(line, "tokens", tokens);
}

void replay_encode(const Tokenizer &tokenizer, const json &line) {
  const std::string text = line.at("text");
  const Ids ids = tokenizer.encode(text, false), special = tokenizer.encode(text, true);
  expect(line, "ids", ids);
  expect(line, "ids_special", special);
  expect_tokens(line, tokenizer, ids);
  expect(line, "decode", tokenizer.decode(special, false));
  expect(line, "decode_skip", tokenizer.decode(special, true));
  const Ids hf_special = tokenizer.encode_hf(text, true);
  expect_hf(line, "ids", tokenizer.encode_hf(text, false));
  expect_hf(line, "ids_special", hf_special);
  expect_hf(line, "decode", tokenizer.text(hf_special, false));
  expect_hf(line, "decode_skip", tokenizer.text(hf_special, true));
}

void replay_pair(const Tokenizer &tokenizer, const json &line) {
  const Encoding encoding =
      tokenizer.encode_pair(line.at("a").get<std::string>(), line.at("b").get<std::string>(), true);
  expect(line, "ids", encoding.ids);
  expect(line, "type_ids", encoding.type_ids);
  expect(line, "special_tokens_mask", encoding.special_tokens_mask);
}

void expect_chunks(const json &line, const Tokenizer &tokenizer, const Ids &ids, bool skip,
                   const std::string &suffix) {
  DecodeStream stream(tokenizer, skip, StreamAs::library);
  json chunks = json::array();
  std::string error;
  try {
    for (const int64_t id : ids) {
      const auto chunk = stream.push(id);
      chunks.push_back(chunk ? json(*chunk) : json());
    }
  } catch (const std::exception &e) {
    chunks = json();
    error = e.what();
  }
  expect(line, "stream_chunks" + suffix, chunks);
  if (line.contains("stream_error" + suffix) || !error.empty())
    if (line.value("stream_error" + suffix, "") != error)
      throw std::runtime_error("stream_error" + suffix + ": expected '" +
                               line.value("stream_error" + suffix, "") + "', got '" + error + "'");
}

void replay_stream(const Tokenizer &tokenizer, const json &line) {
  const Ids ids = line.at("ids");
  for (const bool skip : {false, true}) {
    const std::string suffix = skip ? "_skip" : "";
    json decodes = json::array();
    for (size_t k = 1; k <= ids.size(); ++k)
      decodes.push_back(tokenizer.decode(std::span(ids).first(k), skip));
    expect(line, "prefix_decodes" + suffix, decodes);
    expect_chunks(line, tokenizer, ids, skip, suffix);
  }
}

void replay_row(const Tokenizer &tokenizer, const json &row) {
  const std::string text = row.at("text");
  const Ids ids = tokenizer.encode_hf(text, true);
  expect(row, "input_ids", ids);
  expect(row, "input_ids_without_special_tokens", tokenizer.encode_hf(text, false));
  expect(row, "decoded", tokenizer.text(ids, false));
  expect(row, "decoded_skip_special_tokens", tokenizer.text(ids, true));
}

void replay_padded_batch(const Tokenizer &tokenizer, const json &batch) {
  std::vector<Ids> rows;
  size_t longest = 0;
  for (const json &text : batch.at("texts")) {
    rows.push_back(tokenizer.encode_hf(text.get<std::string>(), true));
    longest = std::max(longest, rows.back().size());
  }
  json ids = json::array(), masks = json::array();
  for (const Ids &row : rows) {
    Ids padded(longest, tokenizer.special_token_id("pad_token").value_or(0)), mask(longest, 0);
    const size_t begin = tokenizer.pads_left() ? longest - row.size() : 0;
    std::copy(row.begin(), row.end(), padded.begin() + static_cast<std::ptrdiff_t>(begin));
    std::fill_n(mask.begin() + static_cast<std::ptrdiff_t>(begin), row.size(), 1);
    ids.push_back(padded);
    masks.push_back(mask);
  }
  expect(batch, "input_ids", ids);
  expect(batch, "attention_mask", masks);
}

// Counts one case: passed unless `run` throws.
void count(ReplayResult &result, const std::string &name, const std::function<void()> &run) {
  try {
    run();
    ++result.passed;
  } catch (const std::exception &e) {
    ++result.failed;
    result.failures.push_back(name + ": " + e.what());
  }
}

void replay_lines(const std::filesystem::path &file, const Tokenizer &tokenizer,
                  void (*replay)(const Tokenizer &, const json &), ReplayResult &result) {
  if (!std::filesystem::exists(file)) return;
  std::ifstream in(file);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number)
    if (!line.empty())
      count(result, file.string() + ":" + std::to_string(number),
            [&] { replay(tokenizer, json::parse(line)); });
}

}  // namespace

ReplayResult &ReplayResult::operator+=(const ReplayResult &other) {
  passed += other.passed;
  failed += other.failed;
  skipped += other.skipped;
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
  return *this;
}

ReplayResult replay_tokenizer_folder(const std::filesystem::path &folder) {
  ReplayResult result;
  try {
    const Tokenizer tokenizer = Tokenizer::load(folder);
    replay_lines(folder / "encode.jsonl", tokenizer, replay_encode, result);
    replay_lines(folder / "pairs.jsonl", tokenizer, replay_pair, result);
    replay_lines(folder / "stream.jsonl", tokenizer, replay_stream, result);
  } catch (const std::exception &e) {
    ++result.failed;
    result.failures.push_back(folder.string() + ": " + e.what());
  }
  return result;
}

ReplayResult replay_tokenizer_case(const std::filesystem::path &file, const std::filesystem::path &models) {
  ReplayResult result;
  try {
    std::ifstream in(file);
    const json recorded = json::parse(in);
    const Tokenizer tokenizer = Tokenizer::load(models / recorded.at("model").get<std::string>());
    const json &rows = recorded.at("rows");
    for (size_t i = 0; i < rows.size(); ++i)
      count(result, file.string() + ": row " + std::to_string(i), [&] { replay_row(tokenizer, rows[i]); });
    if (recorded.contains("padded_batch"))
      count(result, file.string() + ": padded_batch",
            [&] { replay_padded_batch(tokenizer, recorded["padded_batch"]); });
  } catch (const std::exception &e) {
    ++result.failed;
    result.failures.push_back(file.string() + ": " + e.what());
  }
  return result;
}

}  // namespace kvern::reference
