// A session: configuration checked, then model, tokenizer and cache opened, in that order.
#pragma once
#include <kvern/generation.hpp>
#include <optional>

#include "runtime/config/run_config.hpp"
#include "runtime/files/generation_config.hpp"
#include "runtime/run/fall_back.hpp"
#include "runtime/run/open_cache.hpp"
#include "runtime/run/response_constraint.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace kvern {

/// What can be known of a configuration without the model: the plugin is there and accepts the options.
/// Throws Error(plugin) or Error(config).
FoundPlugin check_cache(const config::RunConfig &run);

/// What a model folder says about generation.
files::GenerationFile read_generation_file(const std::filesystem::path &folder);

/// Takes the cache that the model's generation_config.json names where the configuration names none and a plugin of that
/// name exists.
void take_cache_of_model(config::RunConfig &run);

/// kvern's defaults, then those of the model, then the configuration's.
GenerationConfig resolve_generation(const config::RunConfig &run, const GenerationConfig &of_model);

/// What a configuration says about its cache.
CacheRequest cache_request(const config::RunConfig &run, int64_t max_rows, int64_t max_tokens);

class Session {
 public:
  /// Opens the model (the built-in one if the configuration names none) and its tokenizer, if it has one. The configuration
  /// has been checked by check_cache. Sets the number of threads.
  explicit Session(config::RunConfig config);

  const config::RunConfig &config() const { return config_; }
  const std::filesystem::path &model_folder() const { return folder_; }
  const Model &model() const { return *model_; }
  /// nullptr where the folder has no tokenizer.json.
  const Tokenizer *tokenizer() const { return tokenizer_ ? &*tokenizer_ : nullptr; }

  /// kvern's defaults, then the model's, then the configuration's.
  const GenerationConfig &generation() const { return generation_; }

  /// What the model folder says about generation.
  const files::GenerationFile &generation_file() const { return generation_file_; }

  /// A cache as configured; max_cross: hidden states of an encoder.
  Cache open_cache(int64_t max_rows, int64_t max_tokens, int64_t max_cross = 0) const;

  /// Where open_cache's has no memory: the caches of the option `fallback`, opened like it. Empty where none is configured.
  FallBack fall_back(int64_t max_rows, int64_t max_tokens, int64_t max_cross = 0) const;

  /// What response_format says, for one generation at a time; nullptr: it says nothing, or there is no tokenizer.
  std::unique_ptr<TokenConstraint> constraint() const;

  /// The draft model of assisted decoding; nullptr: none is configured.
  const Model *assistant() const { return assistant_.get(); }
  Cache open_assistant_cache(int64_t max_tokens) const;

 private:
  config::RunConfig config_;
  std::filesystem::path folder_;
  files::GenerationFile generation_file_;
  GenerationConfig generation_;
  std::unique_ptr<Model> model_, assistant_;
  std::optional<Tokenizer> tokenizer_;
  mutable std::optional<ResponseConstraints> constraints_;
};

/// What is to be said before a generation, one line each: keys of generation_config.json that are not used, and warnings.
std::vector<std::string> generation_notes(const Session &run, const GenerationConfig &config);

/// share/kvern/models/demo beside the program. Throws Error(model) if it is not there.
std::filesystem::path built_in_model();

}  // namespace kvern
