// The fast Walsh-Hadamard transform in blocks: additions and subtractions only, then one factor.
#include "kernels/quant/hadamard.hpp"

#include <cmath>

namespace kvern::kernels::quant {
namespace {

/// x [size] with size a power of two; pairs `half` apart become their sum and difference, for each half.
void transform(float *x, int64_t size) {
  for (int64_t half = 1; half < size; half *= 2) {
    for (int64_t start = 0; start < size; start += 2 * half) {
      float *a = x + start, *b = a + half;
      for (int64_t i = 0; i < half; ++i) {
        const float sum = a[i] + b[i];
        b[i] = a[i] - b[i];
        a[i] = sum;
      }
    }
  }
}

}  // namespace

void rotate(float *x, int64_t dim) {
  const int64_t size = rotation_block(dim);
  if (size < 2) return;
  const float factor = 1.0f / std::sqrt(static_cast<float>(size));
  for (int64_t start = 0; start < dim; start += size) transform(x + start, size);
  for (int64_t i = 0; i < dim; ++i) x[i] *= factor;
}

}  // namespace kvern::kernels::quant
