#include "runtime/models/encoder_decoder.hpp"

#include <cmath>

namespace kvern::models {
namespace {

Axis all_heads(const HeadSizes &sizes) { return {"heads * head_dim", sizes.heads * sizes.head_dim}; }

Matrix read_out(const TensorReader &reader, const AttentionNames &names, const HeadSizes &sizes) {
  return reader.matrix(names.out, reader.hidden(), all_heads(sizes), names.bias);
}

Projection read_parts(const TensorReader &reader, const AttentionNames &names, const HeadSizes &sizes,
                      bool q) {
  const Axis heads = all_heads(sizes), hidden = reader.hidden();
  Projection projection;
  if (q) projection.parts.push_back(reader.matrix(names.q, heads, hidden, names.bias));
  projection.parts.push_back(reader.matrix(names.k, heads, hidden, names.k_bias));
  projection.parts.push_back(reader.matrix(names.v, heads, hidden, names.bias));
  return projection;
}

}  // namespace

HeadSizes read_heads(const files::ModelConfig &config, const std::string &key, int64_t hidden_size) {
  HeadSizes sizes;
  sizes.heads = config.size(key);
  if (hidden_size % sizes.heads != 0)
    config.fail(key, "d_model (" + std::to_string(hidden_size) + ") should be a multiple of it, found " +
                         std::to_string(sizes.heads));
  sizes.head_dim = hidden_size / sizes.heads;
  sizes.scale = 1.0f / std::sqrt(static_cast<float>(sizes.head_dim));
  return sizes;
}

std::unique_ptr<Sublayer> build_self_attention(const TensorReader &reader, const AttentionNames &names,
                                               const ResidualDescription &residual, const HeadSizes &sizes,
                                               std::shared_ptr<const RelativeBias> bias) {
  AttentionConfig config;
  config.q_heads = config.kv_heads = sizes.heads;
  config.head_dim = sizes.head_dim;
  config.scale = sizes.scale;
  config.relative_bias = std::move(bias);
  AttentionWeights weights;
  weights.qkv = read_parts(reader, names, sizes, true);
  weights.out.parts.push_back(read_out(reader, names, sizes));
  return std::make_unique<Attention>(reader.residual(residual), config, std::move(weights));
}

std::unique_ptr<Sublayer> build_cross_attention(const TensorReader &reader, const AttentionNames &names,
                                                const ResidualDescription &residual, const HeadSizes &sizes) {
  CrossAttentionWeights weights{reader.matrix(names.q, all_heads(sizes), reader.hidden(), names.bias),
                                read_parts(reader, names, sizes, false), read_out(reader, names, sizes)};
  return std::make_unique<CrossAttention>(reader.residual(residual), sizes.heads, sizes.head_dim, sizes.scale,
                                          std::move(weights));
}

EncoderAttention build_encoder_attention(const TensorReader &reader, const AttentionNames &names,
                                         const ResidualDescription &residual, const HeadSizes &sizes) {
  return {reader.residual(residual),
          sizes.heads,
          sizes.head_dim,
          sizes.scale,
          read_parts(reader, names, sizes, true),
          read_out(reader, names, sizes)};
}

}  // namespace kvern::models
