#include "runtime/models/build_decoder.hpp"

#include "runtime/models/embedding_table.hpp"

namespace kvern::models {
namespace {

// Files of a model without its head lack the prefix.
std::string prefix_of(const DecoderDescription &d, const WeightReader &weights) {
  for (const std::string &prefix : d.names.prefixes) {
    if (weights.contains(prefix + d.names.embedding + ".weight")) return prefix;
  }
  return d.names.prefixes.front();
}

float rounded(float value, kernels::Dtype dtype) {
  float memory = 0.0f;
  kernels::store_element(&memory, dtype, 0, value);
  return kernels::load_element(&memory, dtype, 0);
}

NormLayer build_qk_norm(const AttentionDescription &d, const std::string &name, int64_t heads,
                        const TensorReader &reader) {
  const int64_t dim = d.config.head_dim;
  if (d.qk_norm == QkNorm::none) return {};
  if (d.qk_norm == QkNorm::head) return reader.norm(name, {"head_dim", dim});
  if (d.qk_norm == QkNorm::each_head) return reader.norms(name, {"heads", heads}, {"head_dim", dim});
  return reader.norm(name, {"heads * head_dim", heads * dim});
}

}  // namespace

Matrix build_head(const DecoderDescription &d, WeightReader &weights, const std::string &name) {
  const Axis out{"vocab_size", d.vocab_size}, in{"hidden_size", d.hidden_size};
  MatrixSource source{out, in};
  source.part = MatrixPart::head;
  Matrix head;
  head.packed = read_packed(weights, name + ".weight", source);
  if (!head.packed) head.weight = weights.read(name + ".weight", {out, in});
  if (d.head_bias) head.bias = weights.read(d.names.head + ".bias", {out});
  return head;
}

Decoder::Parts build_ends(const DecoderDescription &d, const Loading &loading) {
  const TensorReader reader(d, loading.weights, prefix_of(d, loading.weights));
  Decoder::Parts parts;
  parts.info.model_type = d.model_type;
  parts.info.vocab_size = d.vocab_size;
  parts.info.max_positions = loading.allow_beyond_context && d.learned_positions == 0 ? 0 : d.max_positions;
  const std::string table = prefix_of(d, loading.weights) + d.names.embedding;
  const auto read_table = [&](const PackedWeight *tied_head) {
    read_embedding_table(loading.weights, table + ".weight", {"vocab_size", d.vocab_size}, reader.hidden(),
                         tied_head, parts.embedding);
  };
  if (!d.head_tied) read_table(nullptr);
  parts.head.matrix = build_head(d, loading.weights, d.head_tied ? table : d.names.head);
  if (d.head_tied) read_table(&parts.head.matrix.packed);
  parts.info.dtype = host_dtype(loading.weights.dtype_of(table + ".weight"));
  parts.embedding.scale = d.round_embedding_scale ? rounded(d.embedding_scale, kernel_dtype(parts.info.dtype))
                                                  : d.embedding_scale;
  if (d.learned_positions != 0) {
    parts.embedding.positions =
        reader.tensor(d.names.positions + ".weight", {{"positions", d.learned_positions}, reader.hidden()});
  }
  parts.head.norm = reader.norm(d.names.final_norm, reader.hidden());
  parts.head.scale = d.logits_scale;
  parts.head.softcap = d.logits_softcap;
  return parts;
}

TensorReader layer_reader(const DecoderDescription &d, WeightReader &weights, size_t layer) {
  return {d, weights, prefix_of(d, weights) + d.names.layer + std::to_string(layer) + "."};
}

std::unique_ptr<Sublayer> build_attention(const AttentionDescription &d, const TensorReader &reader) {
  const AttentionConfig &c = d.config;
  const Axis q{"query heads * head_dim", c.q_heads * c.head_dim},
      k{"key heads * head_dim", c.kv_heads * c.head_dim};
  const Axis gated{"query heads * 2 head_dim", 2 * q.extent};
  const Axis v{"value heads * head_dim", k.extent};
  Residual residual = reader.residual(d.residual);
  AttentionWeights weights;
  weights.q_norm = build_qk_norm(d, d.q_norm, c.q_heads, reader);
  weights.k_norm = build_qk_norm(d, d.k_norm, c.kv_heads, reader);
  weights.qkv = reader.projection(d.qkv, {c.gated ? gated : q, k, v}, reader.hidden());
  weights.out = reader.projection(d.out, {reader.hidden()}, q);
  if (!d.sinks.empty()) weights.sinks = reader.floats(d.sinks, {{"query heads", c.q_heads}});
  return std::make_unique<Attention>(std::move(residual), c, std::move(weights));
}

std::unique_ptr<Sublayer> build_latent_attention(const LatentAttentionDescription &d,
                                                 const TensorReader &layer) {
  const LatentAttentionConfig &c = d.config;
  const TensorReader reader = layer.under(d.attention);
  const Axis hidden = reader.hidden(), q_rank{"q_lora_rank", d.q_rank}, rank{"kv_lora_rank", c.rank},
             q{"query heads * (qk_nope_head_dim + qk_rope_head_dim)", c.q_heads * c.q_dim()},
             kv{"kv_lora_rank + qk_rope_head_dim", c.key_dim()},
             expanded{"query heads * (qk_nope_head_dim + v_head_dim)", c.q_heads * c.expanded_dim()},
             v{"query heads * v_head_dim", c.q_heads * c.v_dim};
  LatentAttentionWeights weights;
  if (d.q_rank == 0) {
    weights.q = reader.projection({{"q_proj"}, false}, {q}, hidden);
  } else {
    weights.q_down = reader.projection({{"q_a_proj"}, d.bias}, {q_rank}, hidden);
    weights.q_norm = reader.norm("q_a_layernorm", q_rank);
    weights.q_norm.eps = d.eps;
    weights.q = reader.projection({{"q_b_proj"}, false}, {q}, q_rank);
  }
  weights.kv_down = reader.projection({{"kv_a_proj_with_mqa"}, d.bias}, {kv}, hidden);
  weights.kv_norm = reader.norm("kv_a_layernorm", rank);
  weights.kv_norm.eps = d.eps;
  weights.expand = reader.tensor("kv_b_proj.weight", {expanded, rank});
  weights.out = reader.projection({{"o_proj"}, d.bias}, {hidden}, v);
  return std::make_unique<LatentAttention>(layer.residual(d.residual), c, std::move(weights));
}

std::unique_ptr<Mlp> build_mlp(const MlpDescription &d, const TensorReader &reader) {
  const Axis inner{"intermediate_size", d.intermediate_size};
  Residual residual = reader.residual(d.residual);
  MlpWeights weights;
  weights.up =
      reader.projection(d.up, d.gated ? std::vector{inner, inner} : std::vector{inner}, reader.hidden());
  weights.down = reader.projection(d.down, {reader.hidden()}, inner);
  weights.gate_multiplier = d.gate_multiplier;
  return std::make_unique<Mlp>(std::move(residual), d.activation, d.gated, std::move(weights));
}

std::unique_ptr<Sublayer> build_feed_forward(const LayerDescription &d, const TensorReader &reader) {
  if (d.experts) return build_experts(*d.experts, reader);
  return build_mlp(d.mlp, reader);
}

std::unique_ptr<Model> finish_decoder(Decoder::Parts parts, const Loading &loading) {
  parts.queue = &loading.weights.queue();
  parts.info.parameters = loading.weights.parameters();
  parts.info.weight_bytes = loading.weights.bytes();
  return std::make_unique<Decoder>(std::move(parts));
}

std::unique_ptr<Model> build_decoder(const DecoderDescription &d, const Loading &loading) {
  Decoder::Parts parts = build_ends(d, loading);
  for (size_t i = 0; i < d.layers.size(); ++i) {
    const TensorReader reader = layer_reader(d, loading.weights, i);
    Block block;
    const LayerDescription &layer = d.layers[i];
    block.push_back(layer.latent ? build_latent_attention(*layer.latent, reader)
                                 : build_attention(layer.attention, reader));
    block.push_back(build_feed_forward(layer, reader));
    parts.blocks.push_back(std::move(block));
  }
  return finish_decoder(std::move(parts), loading);
}

}  // namespace kvern::models
