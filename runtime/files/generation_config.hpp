// generation_config.json of a model folder: the model maker's defaults for generation. A file of a model may
// hold anything, so keys unknown here are skipped; a known key of a wrong type is an error.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/files/model_config.hpp"

namespace kvern::files {

/// Names are transformers'. Nothing where the file is silent: the defaults are the generation loop's.
struct GenerationConfig {
  std::optional<int64_t> max_length, max_new_tokens, min_length, min_new_tokens;
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<int64_t> top_k;
  std::optional<double> top_p, min_p, typical_p, repetition_penalty;
  std::optional<int64_t> num_return_sequences, num_beams, num_beam_groups;
  std::optional<double> length_penalty, diversity_penalty, penalty_alpha;
  std::optional<int64_t> no_repeat_ngram_size;
  std::optional<bool> use_cache;
  std::optional<std::string> cache_implementation;
  std::optional<int64_t> bos_token_id, pad_token_id;
  std::vector<int64_t> eos_token_id;  ///< empty: the file names none
  std::optional<int64_t> decoder_start_token_id, forced_bos_token_id;
  std::vector<int64_t> forced_eos_token_id, suppress_tokens, begin_suppress_tokens;
};

/// Throws Error(model) naming `place` and the key.
GenerationConfig parse_generation_config(std::string_view text, const std::string &place);

/// The folder's generation settings. generation_config.json decides alone where it exists: its
/// `eos_token_id`, absent or not, is not filled from config.json (that is transformers' rule). Without the
/// file the keys that config.json has count, as in old folders.
GenerationConfig read_generation_config(const std::filesystem::path &folder, const ModelConfig &config);

}  // namespace kvern::files
