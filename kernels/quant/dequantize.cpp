// Dequantizes a block at once or, if it is Hadamard-rotated back to 16 bits, a few rows at a time.
#include <algorithm>

#include "kernels/quant/element.hpp"
#include "kernels/quant/quant_kernels.hpp"
#include "kernels/quant/quantize.hpp"
#include "kernels/scratch.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels::quant {
namespace {

constexpr int64_t kRowsAtOnce = 16;

void unpack_rotated(UnpackCall call, int64_t dim) {
  const QuantKernelTable &ops = quant_kernels();
  if (call.type == Dtype::f32) {
    ops.unpack(call);
    return ops.rotate_rows(static_cast<float *>(call.out), call.n, dim, call.stride);
  }
  float *rows = thread_scratch(ScratchUser::quantizer, kRowsAtOnce * dim);
  const UnpackCall whole = call;
  call.out = rows, call.type = Dtype::f32, call.stride = dim;
  for (int64_t done = 0; done < whole.n; done += call.n) {
    call.first = whole.first + done;
    call.n = std::min(kRowsAtOnce - call.first % kRowsAtOnce, whole.n - done);
    ops.unpack(call);
    ops.rotate_rows(rows, call.n, dim, dim);
    if (whole.type == Dtype::f16) {
      for (int64_t i = 0; i < call.n * dim; ++i) rows[i] = std::clamp(rows[i], -65504.0f, 65504.0f);
    }
    for (int64_t i = 0; i < call.n; ++i) {
      kernel_table().convert_row(rows + i * dim, Dtype::f32,
                                 element_at(whole.out, whole.type, (done + i) * whole.stride), whole.type,
                                 dim);
    }
  }
}

void dequantize(const BlockFormat &format, bool keys, const std::byte *block, int64_t first, int64_t n,
                bool unrotated, void *out, Dtype type, int64_t stride) {
  const UnpackCall call = {&format, keys, block, first, n, out, type, stride};
  const TensorFormat &tensor = format_of(format, keys);
  if (tensor.rotate && unrotated) return unpack_rotated(call, tensor.dim);
  quant_kernels().unpack(call);
}

}  // namespace

void dequantize_keys(const BlockFormat &format, const std::byte *block, int64_t first, int64_t n,
                     bool unrotated, void *out, Dtype type, int64_t stride) {
  dequantize(format, true, block, first, n, unrotated, out, type, stride);
}

void dequantize_values(const BlockFormat &format, const std::byte *block, int64_t first, int64_t n,
                       bool unrotated, void *out, Dtype type, int64_t stride) {
  dequantize(format, false, block, first, n, unrotated, out, type, stride);
}

}  // namespace kvern::kernels::quant
