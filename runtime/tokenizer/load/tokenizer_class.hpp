// transformers' tokenizer classes as far as they change what tokenizer.json says: default special tokens, the template
// of bos and eos, add_prefix_space, padding side.
#pragma once
#include <array>
#include <string_view>
#include <utility>

namespace kvern::tokenizer {

/// Defaults of one class; the tokens are empty where the class has none.
struct TokenizerClass {
  std::string_view name;  ///< without "Fast"
  std::string_view bos_token, eos_token, unk_token, pad_token;
  bool sets_template = false;      ///< replaces the post-processor: add_bos_token and add_eos_token count
  bool add_bos_token = false;      ///< the default
  bool sets_prefix_space = false;  ///< overrides add_prefix_space of the pre-tokenizer; false by default
  bool pads_left = false;

  /// The tokens by the names that tokenizer_config.json has for them.
  std::array<std::pair<std::string_view, std::string_view>, 4> special_tokens() const {
    return {{{"bos_token", bos_token},
             {"eos_token", eos_token},
             {"unk_token", unk_token},
             {"pad_token", pad_token}}};
  }
};

/// A class by its name, with or without "Fast"; one without effects for a name that is not in the table.
const TokenizerClass &tokenizer_class(std::string_view name);

/// The class that AutoTokenizer takes for a `model_type` of config.json, without "Fast"; empty: none with effects.
std::string_view class_of_model_type(std::string_view model_type);

}  // namespace kvern::tokenizer
