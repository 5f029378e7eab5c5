// From the weights of mixers as files hold them to those of the kernels: float32, channels last.
#include <cmath>

#include "runtime/models/layers/mamba.hpp"
#include "runtime/models/layers/short_conv.hpp"
#include "runtime/models/mixers.hpp"

namespace kvern::models {
namespace {

using Values = std::vector<float>;

Weight weight_of(const TensorReader &reader, Values values, std::vector<int64_t> shape) {
  const auto owner = std::make_shared<const Values>(std::move(values));
  return on_device({owner->data(), kernels::Dtype::f32, std::move(shape), owner}, reader.weights().queue());
}

/// Of a float32 weight.
Values values_of(const Weight &weight) {
  const auto *data = static_cast<const float *>(weight.data);
  return {data, data + weight.size()};
}

/// [rows, columns] becomes [columns, rows].
Weight transposed(const TensorReader &reader, const Values &from, int64_t rows, int64_t columns) {
  Values to;
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r) to.push_back(from[static_cast<size_t>(r * columns + c)]);
  return weight_of(reader, std::move(to), {columns, rows});
}

/// -exp(A_log)
Values decay_rates(const TensorReader &reader, const std::vector<Axis> &axes) {
  Values values = values_of(reader.floats_on_host("A_log", axes));
  for (float &value : values) value = -std::exp(value);
  return values;
}

CausalConv read_conv(const TensorReader &reader, const std::string &name, int64_t channels, int64_t taps,
                     bool bias) {
  const Axis axis{"conv channels", channels};
  CausalConv conv;
  conv.weight =
      transposed(reader, values_of(reader.floats_on_host(name + ".weight", {axis, {"1", 1}, {"taps", taps}})),
                 channels, taps);
  if (bias) conv.bias = reader.floats(name + ".bias", {axis});
  return conv;
}

Projection project_to(const TensorReader &reader, const std::string &name, const Axis &out, const Axis &in,
                      bool bias) {
  return reader.projection({{name}, bias}, {out}, in);
}

}  // namespace

std::unique_ptr<Sublayer> build_mamba(const MambaDescription &d, const TensorReader &layer) {
  const TensorReader reader = layer.under(d.name);
  const Axis inner{"intermediate_size", d.inner}, states{"state_size", d.states},
      rank{"time_step_rank", d.rank};
  MambaWeights weights;
  weights.in =
      project_to(reader, "in_proj", {"2 intermediate_size", 2 * d.inner}, reader.hidden(), d.projection_bias);
  weights.conv = read_conv(reader, "conv1d", d.inner, d.taps, d.conv_bias);
  weights.parameters =
      project_to(reader, "x_proj", {"time_step_rank + 2 state_size", d.rank + 2 * d.states}, inner, false);
  if (d.parameter_norms) {
    weights.dt_norm = reader.norm("dt_layernorm", rank);
    weights.b_norm = reader.norm("b_layernorm", states);
    weights.c_norm = reader.norm("c_layernorm", states);
  }
  weights.time_step = project_to(reader, "dt_proj", inner, rank, true);
  weights.a = transposed(reader, decay_rates(reader, {inner, states}), d.inner, d.states);
  weights.d = reader.floats("D", {inner});
  weights.out = project_to(reader, "out_proj", reader.hidden(), inner, d.projection_bias);
  return std::make_unique<Mamba>(layer.residual(d.residual), std::move(weights));
}

std::unique_ptr<Sublayer> build_mamba2(const Mamba2Description &d, const TensorReader &layer) {
  const TensorReader reader = layer.under(d.name);
  const Mamba2Config &c = d.config;
  const Axis inner{"mamba heads * head size", c.inner()}, heads{"mamba_n_heads", c.heads};
  Mamba2Weights weights;
  weights.in =
      project_to(reader, "in_proj", {"gate + x + B + C + dt", c.inner() + c.conv_channels() + c.heads},
                 reader.hidden(), d.in_bias);
  weights.conv = read_conv(reader, "conv1d", c.conv_channels(), d.taps, d.conv_bias);
  weights.a = weight_of(reader, decay_rates(reader, {heads}), {c.heads});
  weights.d = reader.floats("D", {heads});
  weights.dt_bias = reader.floats("dt_bias", {heads});
  if (d.norm) weights.norm = reader.norm("norm", inner);
  weights.out = project_to(reader, "out_proj", reader.hidden(), inner, d.out_bias);
  return std::make_unique<Mamba2>(layer.residual(d.residual), c, std::move(weights));
}

std::unique_ptr<Sublayer> build_delta_net(const DeltaNetDescription &d, const TensorReader &layer) {
  const TensorReader reader = layer.under(d.name);
  const DeltaNetConfig &c = d.config;
  const Axis heads{"linear_num_value_heads", c.value_heads}, values{"value heads * head size", c.values()};
  DeltaNetWeights weights;
  weights.qkvz = project_to(reader, "in_proj_qkvz", {"q + k + v + z", 2 * c.keys() + 2 * c.values()},
                            reader.hidden(), false);
  weights.ba = project_to(reader, "in_proj_ba", {"b + a", 2 * c.value_heads}, reader.hidden(), false);
  weights.conv = read_conv(reader, "conv1d", 2 * c.keys() + c.values(), d.taps, false);
  weights.qk_norm.eps = 1e-6f / static_cast<float>(c.key_dim);
  weights.qk_norm.weight = weight_of(reader, Values(static_cast<size_t>(c.key_dim), 1.0f), {c.key_dim});
  weights.a = weight_of(reader, decay_rates(reader, {heads}), {c.value_heads});
  weights.dt_bias = reader.floats("dt_bias", {heads});
  weights.norm = reader.norm("norm", {"linear_value_head_dim", c.value_dim});
  weights.norm.offset = 0.0f;
  weights.out = project_to(reader, "out_proj", reader.hidden(), values, false);
  return std::make_unique<DeltaNet>(layer.residual(d.residual), c, std::move(weights));
}

std::unique_ptr<Sublayer> build_short_conv(const ShortConvDescription &d, const TensorReader &layer) {
  const TensorReader reader = layer.under(d.name);
  const Axis hidden = reader.hidden();
  ShortConvWeights weights;
  weights.in = project_to(reader, "in_proj", {"3 hidden_size", 3 * hidden.extent}, hidden, d.bias);
  weights.conv = read_conv(reader, "conv", hidden.extent, d.taps, d.bias);
  weights.conv.silu = false;
  weights.out = project_to(reader, "out_proj", hidden, hidden, d.bias);
  return std::make_unique<ShortConv>(layer.residual(d.residual), std::move(weights));
}

std::unique_ptr<Model> build_layers(const DecoderDescription &d, const Loading &loading,
                                    const std::function<Block(size_t, const TensorReader &)> &block) {
  Decoder::Parts parts = build_ends(d, loading);
  for (size_t i = 0; i < d.layers.size(); ++i)
    parts.blocks.push_back(block(i, layer_reader(d, loading.weights, i)));
  return finish_decoder(std::move(parts), loading);
}

}  // namespace kvern::models
