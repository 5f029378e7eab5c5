// Recurrences over the tokens of a row: selective scan, the scan of Mamba-2, the gated delta rule.
#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/recurrence.cuh"

namespace kvern::device {
namespace {

__global__ void __launch_bounds__(kChannelThreads)
    selective_scan_channels(const kernels::SelectiveScanCall c) {
  const int64_t number = channel_number(), row = number / c.channels, i = number % c.channels;
  if (row >= c.tokens.rows) return;
  const auto output = [&](int64_t token, const float *before, float *after) {
    const float x = c.x[token * c.x_stride + i], step = softplus(c.dt[token * c.dt_stride + i]);
    float y = c.d[i] * x;
    for (int64_t s = 0; s < c.states; ++s) {
      const float h = expf(step * c.a[s * c.channels + i]) * before[s * c.channels] +
                      step * x * c.b[token * c.b_stride + s];
      after[s * c.channels] = h;
      y += h * c.c[token * c.c_stride + s];
    }
    if (!c.gate) return y;
    const float gate = c.gate[token * c.gate_stride + i];
    return y * gate * sigmoid(gate);
  };
  run_channel(c.tokens, row, {c.states * c.channels, i, c.channels, c.states}, c.out + i, c.out_stride,
              output);
}

__global__ void __launch_bounds__(kChannelThreads) ssd_scan_channels(const kernels::SsdScanCall c) {
  const int64_t width = c.heads * c.head_dim, number = channel_number(), row = number / width;
  const int64_t head = number % width / c.head_dim, channel = number % c.head_dim;
  if (row >= c.tokens.rows) return;
  const int64_t group = head / (c.heads / c.groups) * c.states;
  const auto output = [&](int64_t token, const float *before, float *after) {
    const float wanted = softplus(c.dt[token * c.dt_stride + head] + c.dt_bias[head]);
    const float step = clamped(wanted, c.dt_min, c.dt_max), decay = expf(step * c.a[head]);
    const float x = c.x[token * c.x_stride + head * c.head_dim + channel];
    float y = c.d[head] * x;
    for (int64_t s = 0; s < c.states; ++s) {
      const float h = decay * before[s * c.head_dim] + step * x * c.b[token * c.b_stride + group + s];
      after[s * c.head_dim] = h;
      y += h * c.c[token * c.c_stride + group + s];
    }
    return y;
  };
  const ChannelState state{c.heads * c.states * c.head_dim, head * c.states * c.head_dim + channel,
                           c.head_dim, c.states};
  run_channel(c.tokens, row, state, c.out + head * c.head_dim + channel, c.out_stride, output);
}

__global__ void __launch_bounds__(kChannelThreads) delta_rule_channels(const kernels::DeltaRuleCall c) {
  const int64_t width = c.value_heads * c.value_dim, number = channel_number(), row = number / width;
  const int64_t head = number % width / c.value_dim, channel = number % c.value_dim;
  if (row >= c.tokens.rows) return;
  const int64_t key = head / (c.value_heads / c.key_heads) * c.key_dim;
  const auto output = [&](int64_t token, const float *before, float *after) {
    const float decay = expf(c.a[head] * softplus(c.dt[token * c.dt_stride + head] + c.dt_bias[head]));
    const float beta = sigmoid(c.b[token * c.b_stride + head]);
    const float *q = c.q + token * c.q_stride + key, *k = c.k + token * c.k_stride + key;
    float found = 0.0f, out = 0.0f;
    for (int64_t s = 0; s < c.key_dim; ++s) found += decay * before[s * c.value_dim] * (k[s] * c.k_scale);
    const float delta = beta * (c.v[token * c.v_stride + head * c.value_dim + channel] - found);
    for (int64_t s = 0; s < c.key_dim; ++s) {
      const float h = decay * before[s * c.value_dim] + k[s] * c.k_scale * delta;
      after[s * c.value_dim] = h;
      out += h * q[s];
    }
    return out * c.q_scale;
  };
  const ChannelState state{c.value_heads * c.key_dim * c.value_dim, head * c.key_dim * c.value_dim + channel,
                           c.value_dim, c.key_dim};
  run_channel(c.tokens, row, state, c.out + head * c.value_dim + channel, c.out_stride, output);
}

}  // namespace

void selective_scan(const kernels::SelectiveScanCall &call, StreamHandle stream) {
  const int64_t channels = call.tokens.rows * call.channels;
  if (channels == 0) return;
  launch(&selective_scan_channels, grid_of_channels(channels), kChannelThreads, 0, stream, call);
}

void ssd_scan(const kernels::SsdScanCall &call, StreamHandle stream) {
  const int64_t channels = call.tokens.rows * call.heads * call.head_dim;
  if (channels == 0) return;
  launch(&ssd_scan_channels, grid_of_channels(channels), kChannelThreads, 0, stream, call);
}

void delta_rule(const kernels::DeltaRuleCall &call, StreamHandle stream) {
  const int64_t channels = call.tokens.rows * call.value_heads * call.value_dim;
  if (channels == 0) return;
  launch(&delta_rule_channels, grid_of_channels(channels), kChannelThreads, 0, stream, call);
}

}  // namespace kvern::device
