// What the files beside tokenizer.json say about the tokenizer, and what transformers' classes make of it.
#pragma once
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/added_tokens.hpp"
#include "runtime/tokenizer/load/json_node.hpp"
#include "runtime/tokenizer/load/tokenizer_class.hpp"

namespace kvern::tokenizer {

struct TokenizerConfig {
  std::string_view tokenizer_class;  ///< without "Fast"; empty: none that changes anything
  bool clean_up_tokenization_spaces = false;
  bool split_special_tokens = false;
  std::optional<bool> add_bos_token, add_eos_token, add_prefix_space;
  bool pad_left = false;  ///< padding_side
  std::map<std::string, std::string>
      special_tokens;                    ///< "bos_token" -> its text, and so on; defaults included
  std::vector<AddedToken> added_tokens;  ///< to be added to those of tokenizer.json, in order
};

/// The files of a model folder by their names; a null value is an absent file.
struct TokenizerFiles {
  nlohmann::json tokenizer, tokenizer_config, special_tokens_map, added_tokens, model_config;
  std::string folder;  ///< for messages; empty or with a final slash
  std::string tokenizer_name = "tokenizer.json";
};

/// An absent field has the value that transformers 4.47 assumes. The class is that of tokenizer_config.json, else that of
/// config.json, else that of its model_type. Flags of a token come from added_tokens_decoder if there is one; else from
/// tokenizer.json, and special_tokens_map.json overrides tokenizer_config.json. A default token of a class that
/// `is_known` denies is not added: the model has no embedding for it.
TokenizerConfig read_tokenizer_config(const TokenizerFiles &files,
                                      const std::function<bool(std::string_view)> &is_known);

/// Changes tokenizer.json (its model is not looked at) as AutoTokenizer does: bos and eos in the template of the classes
/// that set it, add_prefix_space. `id_of` finds the ids of bos and eos. Returns whether anything changed.
bool apply_config(const TokenizerConfig &config,
                  const std::function<std::optional<int64_t>(std::string_view)> &id_of,
                  nlohmann::json &tokenizer);

}  // namespace kvern::tokenizer
