// Reference implementation of product.cpp: one dot product at a time, of dequantized weights, in double precision.
#include <cmath>
#include <vector>

#include "kernels/weights/product.hpp"

namespace kvern::kernels {
namespace {

/// x as the products see it: rounded block by block, in the order of the matrix's columns, and put back.
std::vector<double> rounded(const PackedMatmulCall &c, int64_t row) {
  const PackedMatrix &w = *c.part[0].matrix;
  std::vector<double> out(static_cast<size_t>(w.k));
  const auto input = [&](int64_t column) { return w.order ? w.order[column] : column; };
  for (int64_t block = 0; block < w.k; block += kBlockInputs) {
    float max = 0.0f;
    for (int64_t i = block; i < block + kBlockInputs; ++i)
      max = std::max(max, std::abs(c.x[row * c.x_stride + input(i)]));
    const float scale = max / 127.0f, inverse = max > 0.0f ? 127.0f / max : 0.0f;
    for (int64_t i = block; i < block + kBlockInputs; ++i)
      out[static_cast<size_t>(input(i))] =
          static_cast<double>(scale) * std::nearbyint(c.x[row * c.x_stride + input(i)] * inverse);
  }
  return out;
}

}  // namespace

void packed_matmul_reference(const PackedMatmulCall &c) {
  for (int64_t m = 0; m < c.m; ++m) {
    const std::vector<double> x = rounded(c, m);
    std::vector<float> row(x.size());
    float *y = c.y + m * c.y_stride;
    for (int64_t i = 0; i < c.parts; ++i) {
      const PackedPart &part = c.part[i];
      for (int64_t n = 0; n < part.matrix->n; ++n, ++y) {
        dequantize_row(*part.matrix, n, row.data());
        double sum = part.bias ? load_element(part.bias, part.bias_type, n) : 0.0;
        if (c.accumulate) sum += *y;
        for (size_t k = 0; k < x.size(); ++k) sum += x[k] * row[k];
        *y = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace kvern::kernels
