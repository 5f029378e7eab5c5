// Attention to the hidden states of an encoder: their keys and values come with the step that brings those states, later steps
// read them from the cache.
#pragma once
#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

/// Immutable once filled; all heads have keys of their own.
struct CrossAttentionWeights {
  Matrix q;       ///< heads * head_dim of hidden_size
  Projection kv;  ///< twice heads * head_dim of the encoder's hidden_size
  Matrix out;     ///< hidden_size of heads * head_dim
};

class CrossAttention : public ResidualSublayer {
 public:
  CrossAttention(Residual residual, int64_t heads, int64_t head_dim, float scale,
                 CrossAttentionWeights weights);

  const char *name() const override { return "cross-attention"; }
  std::optional<LayerSpec> spec() const override;

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  int64_t heads_, head_dim_;
  CrossAttentionWeights weights_;
  AttentionSpec spec_;
};

}  // namespace kvern::models
