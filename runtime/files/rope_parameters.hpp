// The rotary embedding's parameters in one spelling, whichever version of transformers wrote them. No
// arithmetic.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/files/json.hpp"

namespace kvern::files {

enum class RopeType { standard, linear, dynamic, yarn, longrope, llama3 };

/// transformers' name of the type: "default", "linear", ...
std::string rope_type_name(RopeType type);

/// Fields are transformers' and have values where the type uses them: `factor` for all but standard (for yarn
/// and longrope, where no factor is given, max_position_embeddings over the original one),
/// `original_max_position_embeddings` for llama3, yarn and longrope, the frequency factors for llama3, betas
/// and mscales for yarn, short and long factors (one per rotated pair) for longrope.
struct RopeParameters {
  RopeType type = RopeType::standard;
  double theta = 10000.0;
  double partial_rotary_factor = 1.0;  ///< share of the head that is rotated, in (0, 1]
  std::optional<double> factor;
  std::optional<int64_t> original_max_position_embeddings;
  std::optional<double> attention_factor;
  double beta_fast = 32.0, beta_slow = 1.0;
  std::optional<double> mscale, mscale_all_dim;
  bool truncate = true;
  double low_freq_factor = 1.0, high_freq_factor = 4.0;
  std::vector<double> short_factor, long_factor;
};

/// What a family uses where config.json says nothing.
struct RopeDefaults {
  double theta = 10000.0;
  double partial_rotary_factor = 1.0;
};

/// Reads `rope_scaling`, `rope_theta` and `partial_rotary_factor` (transformers 4) or `rope_parameters` (5),
/// GPT-NeoX's `rotary_emb_base` and `rotary_pct` too. `layer_type` ("full_attention", ...) chooses where
/// `rope_parameters` has one object per layer type. Throws Error(model) for an unknown type (listing the
/// known), a missing or impossible value.
RopeParameters read_rope_parameters(const JsonObject &config, const RopeDefaults &defaults = {},
                                    const std::string &layer_type = "");

}  // namespace kvern::files
