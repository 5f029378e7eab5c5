#include "kernels/weights/embedding.hpp"

#include <vector>

#include "kernels/test_support.hpp"
#include "kernels/weights/product.hpp"
#include "kernels/weights/testing_matrix.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

/// Element [row, column] as a product with a unit vector gives it.
float element(const PackedMatrix &w, int64_t row, int64_t column) {
  std::vector<float> x(static_cast<size_t>(w.k), 0.0f), y(static_cast<size_t>(w.n));
  x[static_cast<size_t>(column)] = 1.0f;
  const PackedPart part{&w};
  packed_matmul_reference({1, x.data(), w.k, &part, 1, y.data(), w.n, false});
  return y[static_cast<size_t>(row)];
}

}  // namespace

TEST_CASE(
    "A row of a packed table is, scaled, what products with unit vectors give of it, on any number of "
    "threads") {
  Random random(5);
  for (int i = 0; i < 6; ++i) {
    const RandomMatrix table = random_matrix(random, random.integer(1, 70), 64, false);
    const PackedMatrix &w = table.matrix;
    const std::vector<int64_t> ids = {w.n - 1, 0, w.n / 2, w.n - 1, 0, w.n / 3, 0};
    const int64_t n = static_cast<int64_t>(ids.size()), stride = w.k + 3;
    std::vector<float> out(static_cast<size_t>(n * stride), 7.0f);
    packed_embed({n, ids.data(), &w, 0.5f, out.data(), stride}, i % 2 ? serial() : test_threads());
    for (int64_t row = 0; row < n; ++row) {
      for (const int64_t column : {int64_t{0}, int64_t{31}, int64_t{32}, w.k - 1})
        REQUIRE(out[static_cast<size_t>(row * stride + column)] ==
                Approx(0.5f * element(w, ids[static_cast<size_t>(row)], column)).margin(1e-6));
      REQUIRE(out[static_cast<size_t>(row * stride + w.k)] == 7.0f);
    }
  }
}
