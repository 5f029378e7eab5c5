#include "runtime/models/finite.hpp"

#include <kvern/finite.hpp>

namespace kvern::models {

void check_finite(const MatrixView &x, int64_t dim, Queue &queue, const std::string &place) {
  require_finite(queue, x.data, x.rows, dim, x.stride, place);
}

}  // namespace kvern::models
