// Token embeddings that lie in a packed matrix: that of a tied head, or one of their own.
#pragma once
#include <cstdint>

#include "kernels/parallel.hpp"
#include "kernels/weights/format.hpp"

namespace kvern::kernels {

/// out[i] = scale * row ids[i] of the table, f32 [n, table->k]. Ids are not checked: they must be rows of the table.
struct PackedEmbeddingCall {
  int64_t n = 0;
  const int64_t *ids = nullptr;
  const PackedMatrix *table = nullptr;
  float scale = 1.0f;
  float *out = nullptr;
  int64_t out_stride = 0;
};

/// A row is what dequantize_row gives.
void packed_embed(const PackedEmbeddingCall &call, const Parallel &parallel);

}  // namespace kvern::kernels
