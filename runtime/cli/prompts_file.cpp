#include "runtime/cli/prompts_file.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <utility>

#include "runtime/files/json_option.hpp"
#include "runtime/support/json_depth.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/utf8.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::json;

[[noreturn]] void wrong(const std::string &what) { throw Error(ErrorKind::input, what); }

/// The keys of an object that come twice are refused: which one counts would be a guess.
Json parse_object(const std::string &line, const std::string &place) {
  if (const auto bad = invalid_utf8(line)) wrong("not UTF-8: byte " + std::to_string(*bad));
  check_json_depth(line, place);
  std::vector<std::vector<std::string>> open;
  std::string twice;
  const Json::parser_callback_t watch = [&](int, Json::parse_event_t event, Json &value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event != Json::parse_event_t::key) return true;
    const auto key = value.get<std::string>();
    auto &known = open.back();
    if (std::find(known.begin(), known.end(), key) != known.end()) twice = key;
    known.push_back(key);
    return true;
  };
  Json object;
  try {
    object = Json::parse(line, watch);
  } catch (const Json::parse_error &e) {
    wrong("no JSON: byte " + std::to_string(e.byte) + " is not expected");
  }
  if (!object.is_object()) wrong("expected an object like {\"prompt\": \"...\"}, found another value");
  if (!twice.empty()) wrong("the key '" + printable(twice) + "' comes twice");
  return object;
}

std::vector<int64_t> ids_of(const Json &value) {
  if (!value.is_array()) wrong("input_ids: expected a list of ids");
  std::vector<int64_t> ids;
  for (const Json &id : value) {
    if (!id.is_number_integer() || id < 0) wrong("input_ids: expected ids of 0 or more");
    ids.push_back(id.get<int64_t>());
  }
  return ids;
}

std::vector<std::string> known_keys() {
  std::vector<std::string> names{"prompt", "input_ids", "id", "seed"};
  for (const OptionDeclaration *option : kvern::generation_options()) names.emplace_back(option->name);
  return names;
}

void read_option(const std::string &key, const Json &value, const std::string &place, PromptLine &to) {
  const OptionDeclaration *declared = kvern::find_option(kvern::generation_options(), key);
  if (declared == nullptr)
    wrong("unknown key '" + printable(key) + "'" + did_you_mean(key, known_keys()) +
          " (prompt, input_ids, id, seed, or an option of [generation])");
  const Option option = files::option_of(value, place);
  if (const auto found = mismatch(*declared, option)) wrong(key + ": expected " + found->required);
  to.options.set(*declared, option, OptionSource::caller);
}

void read_line(const std::string &text, const std::string &place, PromptLine &line) {
  const Json object = parse_object(text, place);
  for (const auto &[key, value] : object.items()) {
    if (key == "prompt") {
      if (!value.is_string()) wrong("prompt: expected a string");
      line.text = value.get<std::string>();
    } else if (key == "input_ids") {
      line.ids = ids_of(value);
    } else if (key == "id") {
      line.id = value;
    } else if (key == "seed") {
      if (!value.is_number_integer() || value < 0) wrong("seed: expected an integer of 0 or more");
      line.seed = value.get<uint64_t>();
    } else {
      read_option(key, value, place, line);
    }
  }
  if (line.text.has_value() == line.ids.has_value())
    wrong(line.text ? "prompt and input_ids: only one of them can be given"
                    : "no prompt: give \"prompt\" or \"input_ids\"");
}

}  // namespace

std::vector<PromptLine> read_prompt_lines(std::string_view text, const std::string &name) {
  std::vector<PromptLine> lines;
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = name + ":" + std::to_string(number);
    PromptLine read;
    read.number = number;
    try {
      read_line(line, place, read);
    } catch (const Error &e) {
      const std::string what = e.what();
      read.error = what.starts_with(place) ? what : place + ": " + what;
    }
    lines.push_back(std::move(read));
  }
  return lines;
}

}  // namespace kvern::cli
