// Products with packed matrices without any instruction set of its own.
#include <cmath>

#include "kernels/dtype.hpp"
#include "kernels/simd/linear_kernels.hpp"

namespace kvern::kernels {
namespace {

void round_row(const float *x, int64_t row, const RoundedRows &to) {
  for (int64_t b = 0; b < to.blocks; ++b, x += kBlockInputs) {
    const int64_t at = b * to.rows + row;
    float max = 0.0f, not_finite = 0.0f;
    for (int i = 0; i < kBlockInputs; ++i) {
      max = std::fmax(max, std::fabs(x[i]));
      not_finite += x[i] * 0.0f;
    }
    max += not_finite;
    const bool rounds = max >= kLeastMagnitude;
    const float inverse = rounds ? 127.0f / max : 0.0f;
    int32_t sum = 0;
    for (int i = 0; i < kBlockInputs; ++i) {
      const auto code = rounds ? static_cast<int8_t>(std::nearbyint(x[i] * inverse)) : int8_t{0};
      to.codes[at * kBlockInputs + i] = code;
      sum += code;
    }
    to.scales[at] = rounds || !(max > 0.0f) ? max / 127.0f : 0.0f;  // not a number stays so
    to.sums[at] = sum;
  }
}

/// Levels or codes of one row of a block.
void decode(const PackedMatrix &w, const uint8_t *block, int64_t row, int (&to)[kBlockInputs]) {
  for (int64_t i = 0; i < kBlockInputs; ++i) {
    const int64_t quad = i / 4, byte = row * 4 + i % 4;
    if (w.bits == 8) {
      to[i] = static_cast<int8_t>(block[quad * 64 + byte]);
    } else {
      const uint8_t both = block[quad / 2 * 64 + byte];
      to[i] = w.levels[quad % 2 ? both >> 4 : both & 15];
    }
  }
}

void multiply_row(const PackedMatrix &w, int64_t panel, int64_t row, const RoundedRows &x, float *out) {
  const int64_t block_bytes = kBlockInputs * kPanelRows * w.bits / 8;
  for (int64_t m = 0; m < x.rows; ++m) out[m * kPanelRows] = 0.0f;
  for (int64_t b = 0; b < x.blocks; ++b) {
    const int64_t place = scale_index(w, panel * kPanelRows + row, b * kBlockInputs);
    const int32_t zero = w.has_zeros() ? group_zero(w, place) : 1;
    const float scale = group_scale(w, place) / w.scale_unit();
    int levels[kBlockInputs];
    decode(w, w.codes + panel * w.panel_bytes() + b * block_bytes, row, levels);
    for (int64_t m = 0; m < x.rows; ++m) {
      const int64_t at = b * x.rows + m;
      int32_t sum = zero * x.starts[at];
      for (int64_t i = 0; i < kBlockInputs; ++i) sum += levels[i] * x.codes[at * kBlockInputs + i];
      out[m * kPanelRows] += static_cast<float>(sum) * (scale * x.scales[at]);
    }
  }
}

void multiply(const PackedMatrix &w, int64_t first, int64_t panels, const RoundedRows &x, float *out) {
  for (int64_t p = 0; p < panels; ++p, out += x.rows * kPanelRows)
    for (int64_t row = 0; row < kPanelRows; ++row) multiply_row(w, first + p, row, x, out + row);
}

}  // namespace

extern constinit const LinearKernelTable portable_linear_kernels = {round_row, multiply, 0};

}  // namespace kvern::kernels
