// Which tensor must have which shape.
#include "runtime/models/decoder_build.hpp"

namespace kvern::models {
namespace {

Axis hidden(const DecoderConfig &config) { return {"hidden_size", config.hidden_size}; }

}  // namespace

std::vector<LayerSpec> layer_specs(const DecoderConfig &config) {
  std::vector<LayerSpec> specs;
  for (const LayerConfig &layer : config.layers) {
    LayerSpec spec;
    spec.q_heads = static_cast<int32_t>(config.q_heads);
    spec.kv_heads = static_cast<int32_t>(config.kv_heads);
    spec.head_dim_k = spec.head_dim_v = static_cast<int32_t>(config.head_dim);
    spec.window = static_cast<int32_t>(layer.window);
    specs.push_back(spec);
  }
  return specs;
}

DecoderBuilder::DecoderBuilder(const DecoderConfig &config, const DecoderNames &names, WeightReader &reader,
                               const Rope *rope)
    : config_(config), names_(names), reader_(reader), rope_(rope), prefix_(names.prefixes.front()) {
  for (const std::string &prefix : names.prefixes) {
    if (!reader.contains(prefix + names.embedding + ".weight")) continue;
    prefix_ = prefix;
    return;
  }
}

Weight DecoderBuilder::embedding() const {
  return reader_.read(prefix_ + names_.embedding + ".weight",
                      {{"vocab_size", config_.vocab_size}, hidden(config_)});
}

Weight DecoderBuilder::positions() const {
  if (config_.learned_positions == 0) return {};
  return reader_.read(prefix_ + names_.positions + ".weight",
                      {{"positions", config_.learned_positions}, hidden(config_)});
}

NormWeights DecoderBuilder::norm(const std::string &name, const Axis &axis) const {
  NormWeights norm;
  norm.kind = config_.norm;
  norm.eps = config_.norm_eps;
  norm.weight = reader_.read(name + ".weight", {axis});
  if (norm.kind == Norm::layer) norm.bias = reader_.read(name + ".bias", {axis});
  return norm;
}

NormWeights DecoderBuilder::final_norm() const { return norm(prefix_ + names_.final_norm, hidden(config_)); }

Matrix DecoderBuilder::matrix(const std::string &name, const Axis &out, const Axis &in, bool bias,
                              bool transposed) const {
  Matrix matrix;
  matrix.layout = transposed ? kernels::WeightLayout::k_n : kernels::WeightLayout::n_k;
  matrix.weight = reader_.read(name + ".weight", transposed ? std::vector{in, out} : std::vector{out, in});
  if (bias) matrix.bias = reader_.read(name + ".bias", {out});
  return matrix;
}

Matrix DecoderBuilder::head() const {
  const Axis out{"vocab_size", config_.vocab_size};
  if (!names_.head_tied) return matrix(names_.head, out, hidden(config_), names_.head_bias, false);
  Matrix head;
  head.weight = embedding();
  if (names_.head_bias) head.bias = reader_.read(names_.head + ".bias", {out});
  return head;
}

// One name for all outputs, or one for each.
Projection DecoderBuilder::projection(const std::string &prefix, const ProjectionNames &names,
                                      const std::vector<Axis> &outs, const Axis &in) const {
  std::vector<Axis> of_name = outs;
  if (names.names.size() == 1) {
    for (size_t i = 1; i < outs.size(); ++i) {
      of_name[0].name += " + " + outs[i].name;
      of_name[0].extent += outs[i].extent;
    }
  }
  Projection projection;
  for (size_t i = 0; i < names.names.size(); ++i) {
    projection.parts.push_back(
        matrix(prefix + names.names[i], of_name[i], in, names.bias, names_.transposed));
  }
  return projection;
}

Block DecoderBuilder::block(size_t layer) const {
  const std::string prefix = prefix_ + names_.layer + std::to_string(layer) + ".";
  const Axis size = hidden(config_), inner{"intermediate_size", config_.intermediate_size};
  const Axis q{"query heads * head_dim", config_.q_heads * config_.head_dim};
  const Axis k{"key heads * head_dim", config_.kv_heads * config_.head_dim};
  const Axis v{"value heads * head_dim", k.extent};
  Block block;
  block.attention_norm = norm(prefix + names_.attention_norm, size);
  if (!config_.parallel_block) block.mlp_norm = norm(prefix + names_.mlp_norm, size);
  if (config_.qk_norm) {
    block.q_norm = norm(prefix + names_.q_norm, {"head_dim", config_.head_dim});
    block.k_norm = norm(prefix + names_.k_norm, {"head_dim", config_.head_dim});
  }
  block.qkv = projection(prefix, names_.qkv, {q, k, v}, size);
  block.out = projection(prefix, names_.out, {size}, q);
  block.up =
      projection(prefix, names_.up, config_.gated_mlp ? std::vector{inner, inner} : std::vector{inner}, size);
  block.down = projection(prefix, names_.down, {size}, inner);
  block.attention.scale = config_.layers[layer].scale;
  block.attention.window = config_.layers[layer].window;
  block.attention.rope = rope_;
  return block;
}

}  // namespace kvern::models
