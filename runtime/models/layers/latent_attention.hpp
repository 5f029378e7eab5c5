// Multi-head latent attention (DeepSeek-V2, 2024): the cache holds a latent of each token and a rotated key that all heads share,
// as one key head of rank + rope_dim elements whose first `rank` are the values too. Queries are brought to the latent's space
// by the matrices that would expand it (absorption), so that keys and values of the heads are not made; but for a prompt that no
// tokens precede, where they live as long as the layer's pass.
#pragma once
#include <memory>

#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

struct LatentAttentionConfig {
  int64_t q_heads = 0;
  int64_t rank = 0;                    ///< kv_lora_rank: elements of the latent
  int64_t nope_dim = 0, rope_dim = 0;  ///< of a head's query and key: not rotated, rotated
  int64_t v_dim = 0;                   ///< of a head's value
  float scale = 1.0f;                  ///< of the scores
  std::shared_ptr<const Rope> rope;    ///< of rope_dim elements

  int64_t q_dim() const { return nope_dim + rope_dim; }
  int64_t key_dim() const { return rank + rope_dim; }
  int64_t expanded_dim() const { return nope_dim + v_dim; }
};

/// Immutable once filled.
struct LatentAttentionWeights {
  Projection q_down;   ///< q_lora_rank of hidden_size; or without parts
  NormLayer q_norm;    ///< [q_lora_rank]
  Projection q;        ///< q_heads * (nope_dim + rope_dim) of q_lora_rank, or of hidden_size
  Projection kv_down;  ///< rank + rope_dim of hidden_size
  NormLayer kv_norm;   ///< [rank]
  Weight expand;       ///< [q_heads * (nope_dim + v_dim), rank]: each head's keys, then its values
  Projection out;      ///< hidden_size of q_heads * v_dim
};

class LatentAttention : public ResidualSublayer {
 public:
  LatentAttention(Residual residual, LatentAttentionConfig config, LatentAttentionWeights weights);

  const char *name() const override { return "latent attention"; }
  std::optional<LayerSpec> spec() const override;
  const Rope *rope() const override { return config_.rope.get(); }

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  MatrixView queries(Activations &x, Queue &queue) const;
  MatrixView latents(Activations &x, Queue &queue) const;
  MatrixView absorb(const MatrixView &q, Activations &x, Queue &queue) const;
  void expand(const MatrixView &from, int64_t from_step, int64_t first, int64_t n, const MatrixView &to,
              int64_t to_step, Queue &queue) const;
  void attend_expanded(const MatrixView &q, const MatrixView &latent, const MatrixView &out, Activations &x,
                       Step &step) const;
  void attend_absorbed(const MatrixView &q, const MatrixView &latent, const MatrixView &out, Activations &x,
                       Step &step) const;

  LatentAttentionConfig config_;
  LatentAttentionWeights weights_;
  AttentionSpec spec_;
};

}  // namespace kvern::models
