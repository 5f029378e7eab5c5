// Attention, for now by its definition.
#include "core/kernels/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvern::kernels {

void attention(const AttentionCall &call, const Parallel &) { attention_reference(call); }

void merge_attention(float *out, float *lse, const float *part, const float *part_lse, int64_t rows,
                     int64_t dim) {
  for (int64_t row = 0; row < rows; ++row) {
    float top = std::max(lse[row], part_lse[row]);
    if (top == -std::numeric_limits<float>::infinity()) continue;
    float old_weight = std::exp(lse[row] - top), part_weight = std::exp(part_lse[row] - top);
    float sum = old_weight + part_weight;
    for (int64_t d = 0; d < dim; ++d) {
      float &x = out[row * dim + d];
      x = (x * old_weight + part[row * dim + d] * part_weight) / sum;
    }
    lse[row] = top + std::log(sum);
  }
}

}  // namespace kvern::kernels
