// generation_config.json of a model folder: the model maker's defaults for generation. Every key is used, or listed as
// not used.
#pragma once
#include <filesystem>
#include <kvern/generation_options.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/files/model_config.hpp"

namespace kvern::files {

struct GenerationFile {
  GenerationConfig options;                         ///< those that are declared; ranges are not checked yet
  std::optional<std::string> cache_implementation;  ///< where the configuration names no cache
  OptionTable cache_config;
  /// Keys that no declared option has, sorted. Without those that mean nothing (null, transformers_version,
  /// _from_model_config) and those whose value is transformers' default.
  std::vector<std::string> not_used;
  std::string place;  ///< the file, for messages
};

/// Throws Error(model) naming `place` and the key for a value of a wrong type.
GenerationFile parse_generation_config(std::string_view text, const std::string &place,
                                       OptionDeclarations declared);

/// The folder's generation settings. generation_config.json decides alone where it exists: its
/// `eos_token_id`, absent or not, is not filled from config.json (that is transformers' rule). Without the
/// file the keys that config.json has count, as in old folders; its other keys are none of generation's.
GenerationFile read_generation_config(const std::filesystem::path &folder, const ModelConfig &config,
                                      OptionDeclarations declared);

}  // namespace kvern::files
