// Gated delta net (Yang et al. 2024) as Qwen3-Next has it.
#pragma once
#include "runtime/models/layers/recurrence.hpp"

namespace kvern::models {

struct DeltaNetConfig {
  int64_t key_heads = 0, value_heads = 0, key_dim = 0, value_dim = 0;

  int64_t keys() const { return key_heads * key_dim; }
  int64_t values() const { return value_heads * value_dim; }
};

/// Immutable once filled. n: value heads of a key head.
struct DeltaNetWeights {
  Projection qkvz;    ///< of hidden_size; for each key head q, k, then v and z of its n value heads
  Projection ba;      ///< of hidden_size; for each key head b, then a of its n value heads
  CausalConv conv;    ///< over all heads' q, then k, then v
  NormLayer qk_norm;  ///< [key_dim], ones: makes lengths of key_dim^1/2
  Weight a, dt_bias;  ///< float32 [value_heads]
  NormLayer norm;     ///< [value_dim]
  Projection out;     ///< [hidden_size, value_heads * value_dim]
};

class DeltaNet : public ResidualSublayer {
 public:
  DeltaNet(Residual residual, DeltaNetConfig config, DeltaNetWeights weights)
      : ResidualSublayer(std::move(residual)), config_(config), weights_(std::move(weights)) {}

  const char *name() const override { return "gated delta net"; }
  std::optional<LayerSpec> spec() const override;

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  struct Parts {
    MatrixView qkv, z, b, a;
  };
  /// What the projections give, by part instead of by key head.
  Parts project_parts(Activations &x, Queue &queue) const;
  void run_rule(const MatrixView &qkv, const Parts &parts, const kernels::Recurrence &state,
                const MatrixView &out, Queue &queue) const;

  DeltaNetConfig config_;
  DeltaNetWeights weights_;
};

}  // namespace kvern::models
