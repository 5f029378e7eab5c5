// Self-attention of an encoder: every token sees all tokens of its row; nothing is cached.
#pragma once
#include <memory>

#include "runtime/models/layers/relative_bias.hpp"
#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

class EncoderAttention {
 public:
  /// qkv: heads * head_dim each, of hidden_size.
  EncoderAttention(Residual residual, int64_t heads, int64_t head_dim, float scale, Projection qkv,
                   Matrix out);

  /// Adds its output to x.residual. positions [batch * n_new]; a negative one is padding. bias: nullptr, or added to scores.
  void add_to(Activations &x, Queue &queue, const std::vector<int64_t> &positions, const Bias *bias) const;

 private:
  Residual residual_;
  int64_t heads_, head_dim_;
  float scale_;
  Projection qkv_;
  Matrix out_;
};

}  // namespace kvern::models
