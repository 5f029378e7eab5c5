#include "kernels/matmul.hpp"

#include <cmath>
#include <stdexcept>

#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

struct Case {
  MatmulCall call;
  Buffer x, w, bias, y;
};

Case random_case(Random &random, std::initializer_list<int64_t> m, std::initializer_list<int64_t> n,
                 std::initializer_list<int64_t> k) {
  Case c;
  MatmulCall &call = c.call;
  call.m = random.pick(m);
  call.n = random.pick(n);
  call.k = random.pick(k);
  call.w_type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
  call.bias_type = random.pick({Dtype::f32, call.w_type});
  call.layout = random.pick({WeightLayout::n_k, WeightLayout::k_n});
  bool n_k = call.layout == WeightLayout::n_k;
  int64_t w_rows = n_k ? call.n : call.k, w_columns = n_k ? call.k : call.n;
  call.x_stride = call.k + random.integer(0, 3);
  call.w_stride = w_columns + random.pick<int64_t>({0, 0, 5});
  call.y_stride = call.n + random.integer(0, 3);
  call.accumulate = random.chance(0.3);
  call.round_x = random.chance(0.5);
  c.x = random.elements(Dtype::f32, call.k ? (call.m - 1) * call.x_stride + call.k : 0);
  c.w = random.elements(call.w_type, w_rows ? (w_rows - 1) * call.w_stride + w_columns : 0);
  c.bias = random.elements(call.bias_type, call.n);
  c.y = random.elements(Dtype::f32, (call.m - 1) * call.y_stride + call.n);
  call.x = c.x.floats();
  call.w = c.w.data();
  if (random.chance(0.5)) call.bias = c.bias.data();
  return c;
}

/// Of sums of k products of unit normal elements: f32 rounding.
float tolerance(const MatmulCall &call) { return 1e-5f * (std::sqrt(static_cast<float>(call.k)) + 1.0f); }

void check_at(const Case &c, const Buffer &expected, const Parallel &parallel) {
  Buffer y = c.y;
  MatmulCall call = c.call;
  call.y = y.floats();
  matmul(call, parallel);
  for (int64_t i = 0; i < y.size(); ++i) {
    if (std::abs(y.at(i) - expected.at(i)) <= tolerance(call)) continue;
    FAIL(cpu_capability().name << ": " << y.at(i) << " instead of " << expected.at(i) << " at " << i
                               << ", m=" << call.m << " n=" << call.n << " k=" << call.k << " "
                               << name_of(call.w_type) << " layout " << static_cast<int>(call.layout)
                               << " accumulate " << call.accumulate);
  }
}

/// At every capability.
void check_case(const Case &c, const Parallel &parallel) {
  Buffer expected = c.y;
  MatmulCall call = c.call;
  call.y = expected.floats();
  matmul_reference(call);
  for_each_capability([&](const CpuCapability &) { check_at(c, expected, parallel); });
}

}  // namespace

TEST_CASE(
    "Products of few rows equal the reference implementation in every format and layout, at every "
    "capability") {
  Random random(5);
  for (int i = 0; i < 150; ++i) {
    Case c = random_case(random, {1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 32}, {1, 2, 7, 8, 9, 64, 131, 2100},
                         {0, 1, 7, 16, 31, 32, 33, 64, 96, 577});
    check_case(c, i % 2 ? serial() : test_threads());
  }
  SUCCEED();
}

TEST_CASE(
    "Products of many rows equal the reference implementation in every format and layout, at every "
    "capability") {
  Random random(6);
  for (int i = 0; i < 60; ++i) {
    Case c = random_case(random, {9, 13, 33, 50, 97, 130}, {1, 15, 16, 31, 32, 33, 100, 300},
                         {1, 2, 17, 64, 255, 256, 257, 513, 700});
    check_case(c, i % 2 ? serial() : test_threads());
  }
  SUCCEED();
}

TEST_CASE("Products of one shape in a batch equal those one by one") {
  Random random(7);
  for (int i = 0; i < 40; ++i) {
    BatchedMatmulCall call;
    call.batch = random.pick<int64_t>({1, 2, 5, 16});
    MatmulCall &c = call.first;
    c.m = random.pick<int64_t>({1, 3, 12});
    c.n = random.pick<int64_t>({1, 8, 50}), c.k = random.pick<int64_t>({1, 16, 70});
    c.layout = random.pick({WeightLayout::n_k, WeightLayout::k_n});
    c.w_type = random.pick({Dtype::f32, Dtype::bf16});
    c.w_stride = c.layout == WeightLayout::n_k ? c.k : c.n;
    c.x_stride = call.batch * c.k, c.y_stride = call.batch * c.n;
    call.x_step = c.k, call.w_step = c.n * c.k, call.y_step = c.n;
    Buffer x = random.elements(Dtype::f32, c.m * c.x_stride),
           w = random.elements(c.w_type, call.batch * call.w_step);
    Buffer y(Dtype::f32, c.m * c.y_stride), want = y;
    c.x = x.floats(), c.w = w.data(), c.y = want.floats();
    for (int64_t b = 0; b < call.batch; ++b) matmul_reference(call.at(b));
    c.y = y.floats();
    batched_matmul(call, i % 2 ? serial() : test_threads());
    for (int64_t at = 0; at < y.size(); ++at) REQUIRE(std::abs(y.at(at) - want.at(at)) <= tolerance(c));
  }
}

TEST_CASE("A negative size is refused") {
  MatmulCall call;
  call.m = -1;
  CHECK_THROWS_AS(matmul(call, serial()), std::invalid_argument);
}
