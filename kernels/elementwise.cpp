// Distributes rows over threads and calls the kernel table in use.
#include "kernels/elementwise.hpp"

#include <algorithm>

#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {
namespace {

constexpr int64_t kGrainElements = 1 << 14;  // grain size of parallel loops

template <class F>
void each_row(const Parallel &parallel, int64_t rows, int64_t dim, F &&f) {
  int64_t grain = std::max<int64_t>(kGrainElements / std::max<int64_t>(dim, 1), 1);
  auto body = [&f](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) f(row);
  };
  if (rows <= grain) return body(0, rows);
  parallel_for(parallel, rows, grain, body);
}

}  // namespace

void rms_norm(const NormCall &c, const Parallel &parallel) {
  const KernelTable &ops = kernel_table();
  each_row(parallel, c.rows, c.dim, [&](int64_t row) { ops.rms_norm_row(c, row); });
}

void layer_norm(const NormCall &c, const Parallel &parallel) {
  const KernelTable &ops = kernel_table();
  each_row(parallel, c.rows, c.dim, [&](int64_t row) { ops.layer_norm_row(c, row); });
}

void activate(const ActivationCall &c, const Parallel &parallel) {
  const KernelTable &ops = kernel_table();
  each_row(parallel, c.rows, c.dim, [&](int64_t row) {
    ops.activate_row(c.activation, c.x + row * c.x_stride, c.up ? c.up + row * c.up_stride : nullptr,
                     c.out + row * c.out_stride, c.dim);
  });
}

void add_scaled(float *out, int64_t out_stride, const float *x, int64_t x_stride, float scale, int64_t rows,
                int64_t dim, const Parallel &parallel) {
  const KernelTable &ops = kernel_table();
  each_row(parallel, rows, dim,
           [&](int64_t row) { ops.add_scaled_row(out + row * out_stride, x + row * x_stride, scale, dim); });
}

void rotate(const RotaryCall &c, const Parallel &parallel) {
  const KernelTable &ops = kernel_table();
  int64_t half = c.rotary_dim / 2;
  each_row(parallel, c.tokens, c.heads * c.rotary_dim, [&](int64_t token) {
    for (int64_t head = 0; head < c.heads; ++head) {
      ops.rotate_head(c.x + token * c.token_stride + head * c.head_stride, c.cos + token * half,
                      c.sin + token * half, half, c.interleaved);
    }
  });
}

void convert(const ConvertCall &c, const Parallel &parallel) {
  const KernelTable &ops = kernel_table();
  each_row(parallel, c.rows, c.dim, [&](int64_t row) {
    ops.convert_row(element_at(c.from, c.from_type, row * c.from_stride), c.from_type,
                    element_at(c.to, c.to_type, row * c.to_stride), c.to_type, c.dim);
  });
}

void embed(const EmbeddingCall &c, const Parallel &parallel) {
  const KernelTable &ops = kernel_table();
  each_row(parallel, c.n, c.dim, [&](int64_t i) {
    float *out = c.out + i * c.out_stride;
    ops.convert_row(element_at(c.table, c.type, c.ids[i] * c.table_stride), c.type, out, Dtype::f32, c.dim);
    if (c.scale != 1.0f) ops.scale(out, c.dim, c.scale);
  });
}

int64_t argmax(const float *x, int64_t n) { return kernel_table().argmax(x, n); }

}  // namespace kvern::kernels
