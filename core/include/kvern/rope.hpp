// Rotary position embedding: its configuration in config.json, and the angles.
// RoPE: Su et al. 2021. Scalings as transformers names them: linear, dynamic (NTK), llama3,
// longrope, yarn (Peng et al. 2023).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace kvern {

struct RopeConfig {
  enum class Type { standard, linear, dynamic, llama3, longrope, yarn };
  Type type = Type::standard;
  int64_t rotary_dim = 0;  ///< leading elements of a head that are rotated; even; 0 = no rotary embedding
  double theta = 10000.0;
  double factor = 1.0;                                   ///< all but standard
  int64_t max_positions = 0;                             ///< max_position_embeddings: dynamic
  double low_freq_factor = 1.0, high_freq_factor = 4.0;  ///< llama3
  int64_t original_max_positions = 0;                    ///< llama3, longrope, yarn
  std::vector<double> short_factor, long_factor;         ///< longrope: [rotary_dim / 2]
  double attention_factor = 1.0;                         ///< longrope, yarn: on cos and sin
  double beta_fast = 32.0, beta_slow = 1.0;              ///< yarn: rotations over the original length
  bool truncate = true;                                  ///< yarn: are the bounds of the ramp whole numbers?
  bool interleaved = false;  ///< pairs (2i, 2i+1) instead of (i, i + rotary_dim / 2)
};

class Rope {
 public:
  explicit Rope(RopeConfig config);
  const RopeConfig &config() const { return config_; }
  /// Do the angles depend on the length of the sequence (dynamic NTK, longrope)?
  bool depends_on_length() const;
  /// Version of the frequencies: keys match queries of the same version only. Changes where longrope switches from short to
  /// long factors. Dynamic NTK keeps old keys as they are, as transformers does.
  int64_t rope_version(int64_t total_length) const;

  /// Frequencies [rotary_dim / 2] in force for a sequence of that many positions.
  std::vector<float> frequencies(int64_t total_length) const;
  /// cos and sin of n positions (finite also for padding's negative ones), each [n, rotary_dim / 2].
  void tables(const int64_t *pos, int64_t n, int64_t total_length, bool apply_attention_factor, float *cos,
              float *sin) const;

 private:
  RopeConfig config_;
};

}  // namespace kvern
