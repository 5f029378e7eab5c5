// Mamba (Gu and Dao 2023): a causal convolution and a selective scan between two projections.
#pragma once
#include "runtime/models/layers/recurrence.hpp"

namespace kvern::models {

/// Immutable once filled. I: channels, R: rank of the time step, N: states of a channel.
struct MambaWeights {
  Projection in;  ///< [2 I, hidden_size]: x, gate
  CausalConv conv;
  Projection parameters;              ///< [R + 2 N, I]: dt, B, C
  NormLayer dt_norm, b_norm, c_norm;  ///< or empty
  Projection time_step;               ///< [I, R]
  Weight a, d;                        ///< float32 [N, I] and [I]
  Projection out;                     ///< [hidden_size, I]
};

class Mamba : public ResidualSublayer {
 public:
  Mamba(Residual residual, MambaWeights weights);

  const char *name() const override { return "mamba"; }
  std::optional<LayerSpec> spec() const override;

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  int64_t channels() const { return weights_.a.shape[1]; }
  int64_t states() const { return weights_.a.shape[0]; }
  /// dt, B and C, normalized where the model does.
  void normalize(const MatrixView &parameters, Queue &queue) const;

  MambaWeights weights_;
  int64_t rank_;
};

}  // namespace kvern::models
