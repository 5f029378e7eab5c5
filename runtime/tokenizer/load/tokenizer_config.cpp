// Fields of the files beside tokenizer.json, as PreTrainedTokenizerBase._from_pretrained and
// PreTrainedTokenizerFast.__init__ combine them.
#include "runtime/tokenizer/load/tokenizer_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "runtime/support/printable.hpp"

namespace kvern::tokenizer {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> kSpecialTokens{"bos_token", "eos_token", "unk_token", "sep_token",
                                                         "pad_token", "cls_token", "mask_token"};

std::optional<bool> optional_boolean(const JsonNode &node, std::string_view key) {
  if (!node.has(key)) return std::nullopt;
  return node.at(key).boolean();
}

std::string text_of(const JsonNode &token) {
  return token.json().is_string() ? token.string() : token.at("content").string();
}

// A special token is a string, or an object with the flags of an added token.
AddedToken special_token(const JsonNode &node) {
  AddedToken token;
  token.content = text_of(node);
  if (node.json().is_string())
    token.normalized = false;
  else
    token = read_added_token(node);
  token.special = true;
  return token;
}

// Collects the added tokens of all files.
class TokenReader {
 public:
  TokenReader(const TokenizerFiles &files, const JsonNode &config, TokenizerConfig &out)
      : files_(files),
        config_(config),
        special_map_(files.special_tokens_map, files.folder + "special_tokens_map.json"),
        out_(out),
        legacy_(!config.has("added_tokens_decoder")) {}

  void read(const std::function<bool(std::string_view)> &is_known) {
    for (const JsonNode &node : tokenizer_tokens())
      in_tokenizer_.emplace(text_of(node), read_added_token(node));
    if (legacy_)
      read_added_tokens_file();
    else
      read_added_tokens_decoder(config_.at("added_tokens_decoder"));
    for (const std::string_view name : kSpecialTokens)
      if (const auto node = find(name)) out_.special_tokens[std::string(name)] = add_special(*node);
    read_defaults(is_known);
    for (const JsonNode *node : {&config_, legacy_ ? &special_map_ : nullptr})
      if (node && node->has("additional_special_tokens"))
        for (const JsonNode &token : node->at("additional_special_tokens").items()) add_additional(token);
  }

 private:
  std::vector<JsonNode> tokenizer_tokens() const {
    const JsonNode root(files_.tokenizer, files_.folder + "tokenizer.json");
    return root.has("added_tokens") ? root.at("added_tokens").items() : std::vector<JsonNode>();
  }

  // special_tokens_map.json counts where added_tokens_decoder is absent, and then wins.
  std::optional<JsonNode> find(std::string_view name) const {
    if (legacy_ && special_map_.has(name)) return special_map_.at(name);
    if (config_.has(name)) return config_.at(name);
    return std::nullopt;
  }

  void read_added_tokens_decoder(const JsonNode &node) {
    if (!node.json().is_object()) node.fail(std::string("must be an object, not ") + node.json().type_name());
    std::vector<std::pair<int64_t, AddedToken>> entries;
    for (const auto &[key, value] : node.json().items()) {
      int64_t id = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size())
        node.fail("the key " + in_quotes(key) + " must be an id");
      entries.emplace_back(id, read_added_token(node.at(key)));
    }
    add_by_id(std::move(entries));
  }

  // {token: id}, of before added_tokens_decoder; tokenizer.json wins.
  void read_added_tokens_file() {
    known_ = in_tokenizer_;
    if (files_.added_tokens.is_null()) return;
    const JsonNode root(files_.added_tokens, files_.folder + "added_tokens.json");
    if (!root.json().is_object()) root.fail(std::string("must be an object, not ") + root.json().type_name());
    std::vector<std::pair<int64_t, AddedToken>> entries;
    for (const auto &[text, value] : root.json().items()) {
      AddedToken token;
      token.content = text;
      token.special = is_special(text);
      token.normalized = !token.special;
      const int64_t id = root.at(text).integer(0, kMaxId);
      if (!in_tokenizer_.contains(text)) entries.emplace_back(id, token);
    }
    add_by_id(std::move(entries));
  }

  bool is_special(const std::string &text) const {
    const auto is_it = [&](std::string_view name) {
      const auto node = find(name);
      return node && text_of(*node) == text;
    };
    return std::any_of(kSpecialTokens.begin(), kSpecialTokens.end(), is_it);
  }

  void add_by_id(std::vector<std::pair<int64_t, AddedToken>> entries) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto &a, const auto &b) { return a.first < b.first; });
    for (auto &[id, token] : entries) {
      known_[token.content] = token;
      out_.added_tokens.push_back(std::move(token));
    }
  }

  void add(AddedToken token) {
    token.special = true;
    const auto found = in_tokenizer_.find(token.content);
    if (found == in_tokenizer_.end() || found->second != token) out_.added_tokens.push_back(token);
  }

  // Flags that a file of added tokens gives win over those beside the name.
  std::string add_special(const JsonNode &node) {
    const AddedToken token = special_token(node);
    const auto found = known_.find(token.content);
    const bool is_plain = node.json().is_string() && in_tokenizer_.contains(token.content);
    if (found != known_.end())
      add(found->second);
    else if (!is_plain)
      add(token);
    return token.content;
  }

  void add_additional(const JsonNode &node) {
    const AddedToken token = special_token(node);
    const bool known = in_tokenizer_.contains(token.content) || known_.contains(token.content);
    if (!node.json().is_string() || !known) add(token);
  }

  void read_defaults(const std::function<bool(std::string_view)> &is_known) {
    for (const auto &[name, text] : tokenizer_class(out_.tokenizer_class).special_tokens()) {
      const bool given = config_.json().is_object() && config_.json().contains(name);
      if (text.empty() || given || out_.special_tokens.contains(std::string(name)) || !is_known(text))
        continue;
      out_.special_tokens[std::string(name)] = text;
      const json value = text;
      add_special(JsonNode(value, ""));
    }
  }

  const TokenizerFiles &files_;
  const JsonNode &config_;
  const JsonNode special_map_;
  TokenizerConfig &out_;
  const bool legacy_;
  std::map<std::string, AddedToken> in_tokenizer_, known_;
};

// That of tokenizer_config.json, of config.json, or of its model_type.
std::string_view find_class(const JsonNode &config, const JsonNode &model) {
  for (const JsonNode *node : {&config, &model})
    if (node->has("tokenizer_class")) return tokenizer_class(node->at("tokenizer_class").string()).name;
  return model.has("model_type") ? class_of_model_type(model.at("model_type").string()) : "";
}

// The classes' update_post_processor
bool set_template(const TokenizerConfig &config,
                  const std::function<std::optional<int64_t>(std::string_view)> &id_of, json &tokenizer) {
  const TokenizerClass &kind = tokenizer_class(config.tokenizer_class);
  if (!kind.sets_template) return false;
  json single = json::array(), pair_end = json::array(), tokens = json::object();
  const auto text_of = [&](const char *name) {
    const auto found = config.special_tokens.find(name);
    return found == config.special_tokens.end() ? std::string() : found->second;
  };
  const auto token = [&](const std::string &text, int type_id) {
    return json{{"SpecialToken", {{"id", text}, {"type_id", type_id}}}};
  };
  const auto surround = [&](const char *sequence, int type_id, json &parts) {
    const std::string bos = text_of("bos_token"), eos = text_of("eos_token");
    if (config.add_bos_token.value_or(kind.add_bos_token)) parts.push_back(token(bos, type_id));
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
  if (!tokenizer_class(config.tokenizer_class).sets_prefix_space) return false;
  const auto pre_tokenizer = tokenizer.find("pre_tokenizer");
  const bool wanted = config.add_prefix_space.value_or(false);
  if (pre_tokenizer == tokenizer.end() || !pre_tokenizer->is_object() ||
      !pre_tokenizer->contains("add_prefix_space"))
    return false;
  if ((*pre_tokenizer)["add_prefix_space"] == wanted) return false;
  (*pre_tokenizer)["add_prefix_space"] = wanted;
  return true;
}

}  // namespace

TokenizerConfig read_tokenizer_config(const TokenizerFiles &files,
                                      const std::function<bool(std::string_view)> &is_known) {
  const JsonNode node(files.tokenizer_config, files.folder + "tokenizer_config.json");
  TokenizerConfig config;
  config.tokenizer_class = find_class(node, JsonNode(files.model_config, files.folder + "config.json"));
  config.clean_up_tokenization_spaces = node.boolean_or("clean_up_tokenization_spaces", false);
  config.split_special_tokens = node.boolean_or("split_special_tokens", false);
  config.add_bos_token = optional_boolean(node, "add_bos_token");
  config.add_eos_token = optional_boolean(node, "add_eos_token");
  config.add_prefix_space = optional_boolean(node, "add_prefix_space");
  const bool left_by_class = tokenizer_class(config.tokenizer_class).pads_left;
  config.pad_left = node.string_or("padding_side", left_by_class ? "left" : "right") == "left";
  TokenReader(files, node, config).read(is_known);
  return config;
}

bool apply_config(const TokenizerConfig &config,
                  const std::function<std::optional<int64_t>(std::string_view)> &id_of, json &tokenizer) {
  const bool post_processor = set_template(config, id_of, tokenizer);
  const bool pre_tokenizer = set_prefix_space(config, tokenizer);
  return post_processor || pre_tokenizer;
}

}  // namespace kvern::tokenizer
