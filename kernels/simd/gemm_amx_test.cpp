#include "kernels/simd/gemm_amx.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/cpu_capability.hpp"
#include "kernels/simd/tile_emulator.hpp"
#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

#if defined(__x86_64__)
namespace {

constexpr int64_t kColumns = 32;

bool has(std::string_view name) {
  const auto &available = available_capabilities();
  return std::any_of(available.begin(), available.end(),
                     [name](const auto *one) { return one->name == name; });
}

struct Product {
  int64_t rows, pairs, x_stride, c_stride;
  bool accumulate;
  Buffer x, panel, c;

  explicit Product(Random &random)
      : rows(random.pick<int64_t>({1, 7, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 96})),
        pairs(random.pick<int64_t>({1, 5, 15, 16, 17, 31, 32, 40, 64, 100, 256})),
        x_stride(pairs + random.integer(0, 3)),
        c_stride(kColumns + random.pick<int64_t>({0, 0, 5, 32})),
        accumulate(random.chance(0.5)),
        x(random.elements(Dtype::bf16, 2 * ((rows - 1) * x_stride + pairs))),
        panel(random.elements(Dtype::bf16, 2 * pairs * kColumns)),
        c(random.elements(Dtype::f32, (rows - 1) * c_stride + kColumns)) {}

  FloatRows a() { return {x.floats(), x_stride, rows}; }

  double expected(const Buffer &old, int64_t m, int64_t n) const {
    double sum = accumulate ? old.at(m * c_stride + n) : 0.0;
    for (int64_t k = 0; k < 2 * pairs; ++k)
      sum += static_cast<double>(x.at(m * x_stride * 2 + k)) * panel.at((k / 2 * kColumns + n) * 2 + k % 2);
    return sum;
  }

  /// Every element equals a sum in double precision, and nothing between the rows was touched.
  void check(const Buffer &old) const {
    const double tolerance = 1e-5 * std::sqrt(2.0 * static_cast<double>(pairs)) + 1e-6;
    for (int64_t i = 0; i < c.size(); ++i) {
      const int64_t m = i / c_stride, n = i % c_stride;
      if (n >= kColumns ? c.at(i) == old.at(i) : std::abs(c.at(i) - expected(old, m, n)) <= 4 * tolerance)
        continue;
      FAIL(c.at(i) << " at row " << m << ", column " << n << " of " << rows << " rows, " << pairs
                   << " pairs");
    }
  }
};

void check_products(unsigned seed) {
  Random random(seed);
  for (int i = 0; i < 60; ++i) {
    Product product(random);
    const Buffer old = product.c;
    gemm_panel_amx(product.a(), product.pairs, product.panel.floats(), product.c.floats(), product.c_stride,
                   product.accumulate);
    product.check(old);
  }
}

/// Calls f with tiles, the processor's or emulated ones.
template <class F>
void with_tiles(F &&f) {
  if (!has("avx512_bf16")) {
    WARN("this processor has no bf16 dot products, which the rest of a product needs");
    return;
  }
  std::optional<TileEmulator> emulator;
  if (!has("amx_bf16")) emulator.emplace();
  f();
}

}  // namespace

TEST_CASE(
    "Products in tiles equal the reference implementation, on the processor's tiles or on emulated ones") {
  with_tiles([] { check_products(11); });
  SUCCEED();
}

TEST_CASE("Threads multiply in tiles of their own") {
  with_tiles([] {
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 3; ++seed) threads.emplace_back(check_products, seed);
    for (std::thread &thread : threads) thread.join();
  });
  SUCCEED();
}
#endif
