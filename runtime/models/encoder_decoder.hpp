// What families with an encoder share: the layers that BART and Whisper have, and their building from names.
#pragma once
#include <memory>

#include "runtime/models/encoder.hpp"
#include "runtime/models/layers/cross_attention.hpp"
#include "runtime/models/family.hpp"

namespace kvern::models {

/// Names of the projections of one attention, within the layer.
struct AttentionNames {
  std::string q, k, v, out;
  bool bias = false, k_bias = false;
};

/// Sizes of one attention.
struct HeadSizes {
  int64_t heads = 0, head_dim = 0;
  float scale = 1.0f;
};

/// hidden_size split into heads; fails at `key` unless it is a multiple of their number.
HeadSizes read_heads(const files::ModelConfig &config, const std::string &key, int64_t hidden_size);

std::unique_ptr<Sublayer> build_self_attention(const TensorReader &reader, const AttentionNames &names,
                                               const ResidualDescription &residual, const HeadSizes &sizes,
                                               std::shared_ptr<const RelativeBias> bias = {});
std::unique_ptr<Sublayer> build_cross_attention(const TensorReader &reader, const AttentionNames &names,
                                                const ResidualDescription &residual, const HeadSizes &sizes);
EncoderAttention build_encoder_attention(const TensorReader &reader, const AttentionNames &names,
                                         const ResidualDescription &residual, const HeadSizes &sizes);

}  // namespace kvern::models
