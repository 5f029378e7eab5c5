// Two pipelines over one model: the library's, and the one that transformers makes of it (often the same).
#include "runtime/tokenizer/tokenizer.hpp"

#include <kvern/error.hpp>
#include <utility>

#include "runtime/support/read_file.hpp"
#include "runtime/tokenizer/load/large_json.hpp"
#include "runtime/tokenizer/load/tokenizer_config.hpp"
#include "runtime/tokenizer/pipeline.hpp"
#include "runtime/tokenizer/text/space_cleanup.hpp"
#include "runtime/tokenizer/text/utf8.hpp"
#include "runtime/tokenizer/whisper.hpp"

namespace kvern {

using tokenizer::JsonNode;
using tokenizer::Pipeline;
namespace fs = std::filesystem;

struct Tokenizer::State {
  tokenizer::TokenizerConfig config;
  std::shared_ptr<const Pipeline> library, transformers;
  bool is_whisper = false;
};

namespace {

std::string_view check_utf8(std::string_view text) {
  if (const auto byte = tokenizer::first_invalid_byte(text))
    throw Error(ErrorKind::input, "the text is not UTF-8: byte " + std::to_string(*byte) +
                                      " (counted from 0) is 0x" + tokenizer::hex_byte(text[*byte]) +
                                      ", which cannot stand there; convert the text to UTF-8 first");
  return text;
}

[[noreturn]] void complain_about_missing_file(const fs::path &folder) {
  std::string message = folder.string() + ": there is no tokenizer.json";
  for (const char *other :
       {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "vocab.txt"}) {
    if (!fs::exists(folder / other)) continue;
    message += ", only " + std::string(other) +
               "; convert it once in Python: from transformers import AutoTokenizer; "
               "AutoTokenizer.from_pretrained('" +
               folder.string() + "').save_pretrained('" + folder.string() + "')";
    throw Error(ErrorKind::model, message);
  }
  throw Error(ErrorKind::model,
              message + "; copy it from the model's repository, or give ids instead of a text");
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

bool Tokenizer::exists(const fs::path &model_folder) { return is_present(model_folder / "tokenizer.json"); }

Tokenizer Tokenizer::load(const fs::path &model_folder) {
  if (!exists(model_folder)) complain_about_missing_file(model_folder);
  const auto read = [&](const char *name) {
    const fs::path file = model_folder / name;
    return is_present(file) ? tokenizer::read_json_file(file) : nlohmann::json();
  };
  tokenizer::TokenizerFiles files;
  const fs::path file = model_folder / "tokenizer.json";
  files.tokenizer = tokenizer::parse_tokenizer_json(read_file(file, ErrorKind::model), file.string());
  files.tokenizer_config = read("tokenizer_config.json");
  files.special_tokens_map = read("special_tokens_map.json");
  files.added_tokens = read("added_tokens.json");
  files.model_config = read("config.json");
  files.folder = (model_folder / "").string();
  files.tokenizer_name = (model_folder / "tokenizer.json").string();
  return from_files(std::move(files));
}

Tokenizer Tokenizer::from_json(std::string_view text, std::string_view config, const std::string &name) {
  tokenizer::TokenizerFiles files;
  files.folder = (fs::path(name).parent_path() / "").string();
  files.tokenizer_name = name;
  files.tokenizer = tokenizer::parse_json(text, name);
  if (!config.empty())
    files.tokenizer_config = tokenizer::parse_json(config, files.folder + "tokenizer_config.json");
  return from_files(std::move(files));
}

Tokenizer Tokenizer::from_files(tokenizer::TokenizerFiles files) {
  auto state = std::make_shared<State>();
  nlohmann::json &root = files.tokenizer;
  const std::string &name = files.tokenizer_name;
  std::shared_ptr<const tokenizer::Model> model = tokenizer::make_model(JsonNode(root, name).at("model"));
  root.erase("model");
  state->library = std::make_shared<Pipeline>(JsonNode(root, name), model);
  const auto id_of = [&](std::string_view token) { return state->library->id_of(token); };
  state->config = tokenizer::read_tokenizer_config(
      files, [&](std::string_view token) { return id_of(token).has_value(); });
  const tokenizer::AddedTokenChanges changes{state->config.added_tokens, state->config.split_special_tokens};
  state->transformers = state->library;
  if (!changes.more.empty() || changes.split_special_tokens)
    state->transformers = std::make_shared<Pipeline>(JsonNode(root, name), model, changes);
  const auto final_id = [&](std::string_view token) { return state->transformers->id_of(token); };
  if (tokenizer::apply_config(state->config, final_id, root))
    state->transformers = std::make_shared<Pipeline>(JsonNode(root, name), model, changes);
  state->is_whisper = state->config.tokenizer_class == "WhisperTokenizer";
  return Tokenizer(std::move(state));
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  return state_->library->encode(check_utf8(text), add_special_tokens).ids;
}

std::vector<int64_t> Tokenizer::encode_hf(std::string_view text, bool add_special_tokens) const {
  return state_->transformers->encode(check_utf8(text), add_special_tokens).ids;
}

Encoding Tokenizer::encode_pair(std::string_view a, std::string_view b, bool add_special_tokens) const {
  return state_->library->encode_pair(check_utf8(a), check_utf8(b), add_special_tokens);
}

std::string Tokenizer::decode(std::span<const int64_t> ids, bool skip_special_tokens) const {
  return state_->library->decode(ids, skip_special_tokens);
}

std::string Tokenizer::text(std::span<const int64_t> ids, bool skip_special_tokens) const {
  if (state_->is_whisper && skip_special_tokens) ids = tokenizer::without_prompt(ids, *state_->transformers);
  std::string text = raw_text(ids, skip_special_tokens);
  if (cleans_up_spaces()) text = tokenizer::clean_up_spaces(text);
  return state_->is_whisper ? tokenizer::without_timestamps(text) : text;
}

std::string Tokenizer::continuation(std::span<const int64_t> prompt, std::span<const int64_t> ids,
                                    bool skip_special_tokens) const {
  std::vector<int64_t> all(prompt.begin(), prompt.end());
  all.insert(all.end(), ids.begin(), ids.end());
  const std::string whole = raw_text(all, skip_special_tokens);
  const auto added = tokenizer::added_text(raw_text(prompt, skip_special_tokens), whole);
  std::string text = added ? std::string(*added) : raw_text(ids, skip_special_tokens);
  if (cleans_up_spaces()) text = tokenizer::clean_up_spaces(text);
  return state_->is_whisper ? tokenizer::without_timestamps(text) : text;
}

std::string Tokenizer::raw_text(std::span<const int64_t> ids, bool skip_special_tokens) const {
  return state_->transformers->decode(ids, skip_special_tokens);
}

bool Tokenizer::leaves_out(int64_t id) const {
  const std::string *token = state_->transformers->token_of(id);
  return state_->is_whisper && token && tokenizer::is_timestamp(*token);
}

bool Tokenizer::cleans_up_spaces() const { return state_->config.clean_up_tokenization_spaces; }
Tokenizer Tokenizer::keeping_spaces() const {
  auto state = std::make_shared<State>(*state_);
  state->config.clean_up_tokenization_spaces = false;
  return Tokenizer(std::move(state));
}

std::vector<std::optional<std::string>> Tokenizer::token_bytes(size_t size) const {
  std::vector<std::optional<std::string>> result(size);
  for (size_t id = 0; id < size; ++id) {
    const auto number = static_cast<int64_t>(id);
    const std::string *token = state_->transformers->token_of(number);
    if (token != nullptr && !is_special(number) && !leaves_out(number))
      result[id] = state_->transformers->bytes_within(*token);
  }
  return result;
}

bool Tokenizer::pads_left() const { return state_->config.pad_left; }
size_t Tokenizer::vocab_size() const { return state_->transformers->size(); }

std::optional<int64_t> Tokenizer::token_to_id(std::string_view token) const {
  return state_->transformers->id_of(token);
}

std::optional<std::string> Tokenizer::id_to_token(int64_t id) const {
  const std::string *token = state_->transformers->token_of(id);
  if (!token) return std::nullopt;
  return *token;
}

bool Tokenizer::is_added(int64_t id) const { return state_->transformers->is_added(id); }

bool Tokenizer::is_special(int64_t id) const {
  const std::string *token = state_->transformers->token_of(id);
  return token && state_->transformers->is_special(*token);
}

std::optional<std::string> Tokenizer::special_token(std::string_view name) const {
  const auto found = state_->config.special_tokens.find(std::string(name));
  if (found == state_->config.special_tokens.end()) return std::nullopt;
  return found->second;
}

std::optional<int64_t> Tokenizer::special_token_id(std::string_view name) const {
  const auto token = special_token(name);
  return token ? token_to_id(*token) : std::nullopt;
}

}  // namespace kvern
