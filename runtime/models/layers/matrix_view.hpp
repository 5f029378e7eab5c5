// A matrix of float32 elements in memory of a queue.
#pragma once
#include <cstdint>

namespace kvern::models {

/// Borrowed. Elements of a row are contiguous.
struct MatrixView {
  float *data = nullptr;
  int64_t rows = 0;
  int64_t stride = 0;  ///< elements from row to row

  MatrixView slice(int64_t begin, int64_t end) const { return {data + begin * stride, end - begin, stride}; }
};

}  // namespace kvern::models
