// Queries, keys or values of a step as attention reads them.
#pragma once
#include <cstdint>

namespace kvern {

/// float32 elements [rows, heads, tokens, dim] in a queue's memory; the last stride is 1, the others count elements. Borrowed.
struct HeadsView {
  float *data = nullptr;
  int64_t rows = 0, heads = 0, tokens = 0, dim = 0;
  int64_t row_stride = 0, head_stride = 0, token_stride = 0;

  explicit operator bool() const { return data != nullptr; }
};

/// Each head from this element on.
inline HeadsView from_element(HeadsView x, int64_t first) {
  x.data += first, x.dim -= first;
  return x;
}

}  // namespace kvern
