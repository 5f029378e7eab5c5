// Fields of tokenizer_config.json, and three changes to tokenizer.json.
#include "runtime/tokenizer/load/tokenizer_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "runtime/tokenizer/added_tokens.hpp"

namespace kvern::tokenizer {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> kSpecialTokens{"bos_token", "eos_token", "unk_token", "sep_token",
                                                         "pad_token", "cls_token", "mask_token"};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<bool> optional_boolean(const JsonNode &node, std::string_view key) {
  if (!node.has(key)) return std::nullopt;
  return node.at(key).boolean();
}

// a special token is a string, or an object with the flags of an added token
json special_entry(const JsonNode &node) {
  json entry =
      node.json().is_string() ? json{{"content", node.string()}, {"normalized", false}} : node.json();
  entry["special"] = true;
  return entry;
}

void read_added_tokens_decoder(const JsonNode &node, TokenizerConfig &config) {
  std::vector<std::pair<int64_t, json>> entries;
  for (const auto &[key, value] : node.json().items()) {
    int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size())
      node.fail("the key '" + key + "' must be an id");
    read_added_token(node.at(key));
    entries.emplace_back(id, value);
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto &a, const auto &b) { return a.first < b.first; });
  for (auto &[id, entry] : entries) config.added_tokens.push_back(std::move(entry));
}

void read_special_tokens(const JsonNode &node, TokenizerConfig &config) {
  std::vector<json> known = config.added_tokens;
  const auto give = [&](const JsonNode &token) {
    const json entry = special_entry(token);
    const std::string content = token.json().is_string() ? token.string() : token.at("content").string();
    const bool is_known =
        std::any_of(known.begin(), known.end(), [&](const json &k) { return k["content"] == content; });
    if (!is_known) config.added_tokens.push_back(entry);
    return content;
  };
  for (const std::string_view name : kSpecialTokens)
    if (node.has(name)) config.special_tokens[std::string(name)] = give(node.at(name));
  if (node.has("additional_special_tokens"))
    for (const JsonNode &token : node.at("additional_special_tokens").items()) give(token);
}

bool add_missing_tokens(const TokenizerConfig &config, json &tokenizer) {
  json &list = tokenizer["added_tokens"];
  if (!list.is_array()) list = json::array();
  std::vector<AddedToken> known;
  for (const JsonNode &item : JsonNode(list, "").items()) known.push_back(read_added_token(item));
  bool changed = false;
  for (const json &entry : config.added_tokens) {
    const AddedToken token = read_added_token(JsonNode(entry, ""));
    const bool only_named =
        !entry.contains("lstrip");  // a special token given as a string has no flags to compare
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const AddedToken &k) {
      return only_named ? k.content == token.content : k == token;
    });
    if (is_known) continue;
    list.push_back(entry);
    changed = true;
  }
  return changed;
}

// LLaMA's update_post_processor
bool set_template(const TokenizerConfig &config,
                  const std::function<std::optional<int64_t>(std::string_view)> &id_of, json &tokenizer) {
  if (!is_one_of(config.tokenizer_class, {"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"}))
    return false;
  const bool gemma = config.tokenizer_class == "GemmaTokenizer";
  json single = json::array(), pair_end = json::array(), tokens = json::object();
  const auto text_of = [&](const char *name, const char *otherwise) {
    const auto found = config.special_tokens.find(name);
    return found == config.special_tokens.end() ? std::string(otherwise) : found->second;
  };
  const auto token = [&](const std::string &text, int type_id) {
    return json{{"SpecialToken", {{"id", text}, {"type_id", type_id}}}};
  };
  const auto surround = [&](const char *sequence, int type_id, json &parts) {
    const std::string bos = text_of("bos_token", gemma ? "<bos>" : "<s>");
    const std::string eos = text_of("eos_token", gemma ? "<eos>" : "</s>");
    if (config.add_bos_token.value_or(true)) parts.push_back(token(bos, type_id));
    parts.push_back({{"Sequence", {{"id", sequence}, {"type_id", type_id}}}});
    if (config.add_eos_token.value_or(false)) parts.push_back(token(eos, type_id));
    for (const std::string &text : {bos, eos})
      if (const auto id = id_of(text)) tokens[text] = {{"id", text}, {"ids", {*id}}, {"tokens", {text}}};
  };
  surround("A", 0, single);
  surround("B", 1, pair_end);
  for (const json &part : single)
    if (part.contains("SpecialToken") && !tokens.contains(part["SpecialToken"]["id"])) return false;
  json pair = single;
  pair.insert(pair.end(), pair_end.begin(), pair_end.end());
  tokenizer["post_processor"] = {
      {"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
  return true;
}

bool set_prefix_space(const TokenizerConfig &config, json &tokenizer) {
  if (!is_one_of(config.tokenizer_class,
                 {"GPT2Tokenizer", "GPTNeoXTokenizer", "WhisperTokenizer", "CodeGenTokenizer",
                  "RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer",
                  "BlenderbotTokenizer", "MvpTokenizer", "DebertaTokenizer"}))
    return false;
  const auto pre_tokenizer = tokenizer.find("pre_tokenizer");
  const bool wanted = config.add_prefix_space.value_or(config.tokenizer_class == "BlenderbotTokenizer");
  if (pre_tokenizer == tokenizer.end() || !pre_tokenizer->is_object() ||
      !pre_tokenizer->contains("add_prefix_space"))
    return false;
  if ((*pre_tokenizer)["add_prefix_space"] == wanted) return false;
  (*pre_tokenizer)["add_prefix_space"] = wanted;
  return true;
}

}  // namespace

TokenizerConfig read_tokenizer_config(const JsonNode &node) {
  TokenizerConfig config;
  config.tokenizer_class = node.string_or("tokenizer_class", "");
  if (config.tokenizer_class.ends_with("Fast"))
    config.tokenizer_class.resize(config.tokenizer_class.size() - std::string_view("Fast").size());
  config.clean_up_tokenization_spaces = node.boolean_or("clean_up_tokenization_spaces", false);
  config.add_bos_token = optional_boolean(node, "add_bos_token");
  config.add_eos_token = optional_boolean(node, "add_eos_token");
  config.add_prefix_space = optional_boolean(node, "add_prefix_space");
  const bool left_by_class =
      is_one_of(config.tokenizer_class, {"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"});
  config.pad_left = node.string_or("padding_side", left_by_class ? "left" : "right") == "left";
  config.added_tokens = json::array();
  if (node.has("added_tokens_decoder")) read_added_tokens_decoder(node.at("added_tokens_decoder"), config);
  read_special_tokens(node, config);
  return config;
}

bool apply_config(const TokenizerConfig &config,
                  const std::function<std::optional<int64_t>(std::string_view)> &id_of, json &tokenizer) {
  const bool tokens = add_missing_tokens(config, tokenizer);
  const bool post_processor = set_template(config, id_of, tokenizer);
  const bool pre_tokenizer = set_prefix_space(config, tokenizer);
  return tokens || post_processor || pre_tokenizer;
}

}  // namespace kvern::tokenizer
