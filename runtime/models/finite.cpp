#include "runtime/models/finite.hpp"

#include <cmath>
#include <kvern/error.hpp>
#include <vector>

namespace kvern::models {

void check_finite(const Rows &x, int64_t dim, Queue &queue, const std::string &place) {
  std::vector<float> row(static_cast<size_t>(dim));
  for (int64_t r = 0; r < x.rows; ++r) {
    queue.download(x.data + r * x.stride, row.data(), row.size() * sizeof(float));
    for (const float value : row) {
      if (std::isfinite(value)) continue;
      throw Error(ErrorKind::model,
                  place + ": computed " + (std::isnan(value) ? "NaN" : "an infinite value") +
                      "; check the weights for such values, and whether a cache_dtype of float16 overflows");
    }
  }
}

}  // namespace kvern::models
