// What tokenizer_config.json says beyond tokenizer.json, and what transformers' classes make of it.
#pragma once
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/tokenizer/load/json_node.hpp"

namespace kvern::tokenizer {

struct TokenizerConfig {
  std::string tokenizer_class;  ///< without "Fast"; empty if not given
  bool clean_up_tokenization_spaces = false;
  std::optional<bool> add_bos_token, add_eos_token, add_prefix_space;
  bool pad_left = false;  ///< padding_side
  std::map<std::string, std::string>
      special_tokens;           ///< "bos_token" -> its text, and so on; only those given
  nlohmann::json added_tokens;  ///< entries as in tokenizer.json, by id; then special tokens
};

/// An absent field has the value that transformers 4.47 assumes.
TokenizerConfig read_tokenizer_config(const JsonNode &node);

/// Changes tokenizer.json (its model is not looked at) as AutoTokenizer does: bos and eos in the template of
/// LLaMA's and Gemma's classes, add_prefix_space of GPT-2's and its kin, added tokens that tokenizer.json
/// lacks. `id_of` finds the ids of bos and eos. Returns whether anything changed.
bool apply_config(const TokenizerConfig &config,
                  const std::function<std::optional<int64_t>(std::string_view)> &id_of,
                  nlohmann::json &tokenizer);

}  // namespace kvern::tokenizer
