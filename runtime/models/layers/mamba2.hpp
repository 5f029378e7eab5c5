// Mamba-2 (Dao and Gu 2024): a causal convolution and a recurrence of heads between two projections.
#pragma once
#include <array>
#include <limits>

#include "runtime/models/layers/recurrence.hpp"

namespace kvern::models {

struct Mamba2Config {
  int64_t heads = 0, head_dim = 0, groups = 1, states = 0;
  float dt_min = 0.0f, dt_max = std::numeric_limits<float>::infinity();
  float input_multiplier = 1.0f;  ///< of what the projection reads
  /// Of the parts of the projection: gate, x, B, C, dt.
  std::array<float, 5> multipliers = {1.0f, 1.0f, 1.0f, 1.0f, 1.0f};
  bool norm_before_gate = false;

  int64_t inner() const { return heads * head_dim; }
  int64_t conv_channels() const { return inner() + 2 * groups * states; }
};

/// Immutable once filled.
struct Mamba2Weights {
  Projection in;  ///< [2 inner + 2 groups states + heads, hidden_size]: gate, x, B, C, dt
  CausalConv conv;
  Weight a, d, dt_bias;  ///< float32 [heads]
  NormLayer norm;        ///< [inner], over each group's share; or empty
  Projection out;        ///< [hidden_size, inner]
};

class Mamba2 : public ResidualSublayer {
 public:
  Mamba2(Residual residual, Mamba2Config config, Mamba2Weights weights);

  const char *name() const override { return "mamba2"; }
  std::optional<LayerSpec> spec() const override;

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  void scale_parts(const MatrixView &projected, Queue &queue) const;
  void normalize(const MatrixView &y, Queue &queue) const;
  void gate_and_norm(const MatrixView &gate, const MatrixView &y, Queue &queue) const;

  Mamba2Config config_;
  Mamba2Weights weights_;
};

}  // namespace kvern::models
