// Causal self-attention through the cache: multi-head, multi-query and grouped-query.
#pragma once
#include <memory>

#include "runtime/models/layers/relative_bias.hpp"
#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

/// Immutable once filled.
struct AttentionWeights {
  /// [q_heads * head_dim, kv_heads * head_dim, the same of values] of hidden_size; gated: a gate behind each query head.
  Projection qkv;
  Projection out;  ///< hidden_size of q_heads * head_dim
  /// Over each head, with one weight [head_dim] or one for each [heads, head_dim], or over all heads of a token
  /// [heads * head_dim]; before rotation. Or empty.
  NormLayer q_norm, k_norm;
  Weight sinks;  ///< float32 [q_heads], or empty
};

struct AttentionConfig {
  int64_t q_heads = 0, kv_heads = 0, head_dim = 0;
  float scale = 1.0f;                ///< of the scores
  float softcap = 0.0f;              ///< of the scores, 0 = off
  int64_t window = 0;                ///< 0 = all; else the last `window` positions are visible
  bool gated = false;                ///< the output of each head is multiplied by the sigmoid of its gate
  std::shared_ptr<const Rope> rope;  ///< nullptr: queries and keys are not rotated
  bool qkv_by_head =
      false;  ///< q, k and v of each head in turn, instead of all q, all k, all v; as many of each
  /// Queries at position p are multiplied by 1 + position_scale * ln(1 + floor(p / position_period)); 0 = off (Llama 4).
  float position_scale = 0.0f;
  int64_t position_period = 1;
  std::shared_ptr<const RelativeBias> relative_bias = {};  ///< nullptr, or added to the scores
};

class Attention : public ResidualSublayer {
 public:
  Attention(Residual residual, AttentionConfig config, AttentionWeights weights);

  const char *name() const override { return "attention"; }
  std::optional<LayerSpec> spec() const override;
  const Rope *rope() const override { return config_.rope.get(); }

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  void normalize(const NormLayer &norm, const MatrixView &heads, int64_t n_heads, int64_t head_stride,
                 Queue &queue) const;
  void scale_by_position(const MatrixView &q, Step &step) const;
  void gate(const MatrixView &qkv, const MatrixView &attended, Queue &queue) const;

  AttentionConfig config_;
  AttentionWeights weights_;
  AttentionSpec spec_;
};

}  // namespace kvern::models
