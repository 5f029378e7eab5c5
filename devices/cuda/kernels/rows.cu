// Operations on the elements of rows: activations, sums, conversion, embedding, rotary embedding, gates.
#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/element.cuh"

namespace kvern::device {
namespace {

__global__ void __launch_bounds__(kRowThreads) activate_rows(const kernels::ActivationCall c) {
  const GridRows at = grid_rows();
  for (int64_t row = at.row; row < c.rows; row += at.row_step)
    for (int64_t i = at.first; i < c.dim; i += at.step) {
      const float y = activated(c.activation, c.x[row * c.x_stride + i]);
      c.out[row * c.out_stride + i] = c.up ? y * c.up[row * c.up_stride + i] : y;
    }
}

__global__ void __launch_bounds__(kRowThreads) add_rows(const AddCall c) {
  const GridRows at = grid_rows();
  for (int64_t row = at.row; row < c.rows; row += at.row_step)
    for (int64_t i = at.first; i < c.dim; i += at.step)
      c.out[row * c.out_stride + i] += c.scale * c.x[row * c.x_stride + i];
}

__global__ void __launch_bounds__(kRowThreads) convert_rows(const kernels::ConvertCall c) {
  const GridRows at = grid_rows();
  for (int64_t row = at.row; row < c.rows; row += at.row_step)
    for (int64_t i = at.first; i < c.dim; i += at.step)
      store(c.to, c.to_type, row * c.to_stride + i, load(c.from, c.from_type, row * c.from_stride + i));
}

__global__ void __launch_bounds__(kRowThreads) embed_rows(const kernels::EmbeddingCall c) {
  const GridRows at = grid_rows();
  for (int64_t row = at.row; row < c.n; row += at.row_step)
    for (int64_t i = at.first; i < c.dim; i += at.step)
      c.out[row * c.out_stride + i] = c.scale * load(c.table, c.type, c.ids[row] * c.table_stride + i);
}

__global__ void __launch_bounds__(kRowThreads) gate_rows(const kernels::SigmoidGateCall c) {
  const GridRows at = grid_rows();
  for (int64_t row = at.row; row < c.rows; row += at.row_step)
    for (int64_t i = at.first; i < c.dim; i += at.step)
      c.x[row * c.x_stride + i] *= sigmoid(c.gate[row * c.gate_stride + i]);
}

// a thread has one pair of one head
__global__ void __launch_bounds__(kRowThreads) rotate_heads(const kernels::RotaryCall c) {
  const GridRows at = grid_rows();
  const int64_t half = c.rotary_dim / 2;
  for (int64_t token = at.row; token < c.tokens; token += at.row_step)
    for (int64_t pair = at.first; pair < c.heads * half; pair += at.step) {
      const int64_t i = pair % half;
      float *x = c.x + token * c.token_stride + pair / half * c.head_stride;
      float &a = x[c.interleaved ? 2 * i : i], &b = x[c.interleaved ? 2 * i + 1 : i + half];
      const float cos = c.cos[token * half + i], sin = c.sin[token * half + i], before = a;
      a = before * cos - b * sin;
      b = b * cos + before * sin;
    }
}

}  // namespace

void activate(const kernels::ActivationCall &call, StreamHandle stream) {
  if (call.rows == 0 || call.dim == 0) return;
  launch(&activate_rows, grid_of_rows(call.rows, call.dim), kRowThreads, 0, stream, call);
}

void add_scaled(const AddCall &call, StreamHandle stream) {
  if (call.rows == 0 || call.dim == 0) return;
  launch(&add_rows, grid_of_rows(call.rows, call.dim), kRowThreads, 0, stream, call);
}

void convert(const kernels::ConvertCall &call, StreamHandle stream) {
  if (call.rows == 0 || call.dim == 0) return;
  launch(&convert_rows, grid_of_rows(call.rows, call.dim), kRowThreads, 0, stream, call);
}

void embed(const kernels::EmbeddingCall &call, StreamHandle stream) {
  if (call.n == 0 || call.dim == 0) return;
  launch(&embed_rows, grid_of_rows(call.n, call.dim), kRowThreads, 0, stream, call);
}

void sigmoid_gate(const kernels::SigmoidGateCall &call, StreamHandle stream) {
  if (call.rows == 0 || call.dim == 0) return;
  launch(&gate_rows, grid_of_rows(call.rows, call.dim), kRowThreads, 0, stream, call);
}

void rotate(const kernels::RotaryCall &call, StreamHandle stream) {
  const int64_t pairs = call.heads * (call.rotary_dim / 2);
  if (call.tokens == 0 || pairs == 0) return;
  launch(&rotate_heads, grid_of_rows(call.tokens, pairs), kRowThreads, 0, stream, call);
}

}  // namespace kvern::device
