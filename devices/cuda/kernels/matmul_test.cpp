#include "devices/cuda/testing/orders.hpp"

using namespace kvern;
using namespace kvern::device::testing;
using kernels::WeightLayout;

namespace {

/// Random products of m rows beside the reference implementation.
void compare_products(Random &random, int64_t m) {
  kernels::BatchedMatmulCall batched;
  kernels::MatmulCall &call = batched.first;
  call.m = m;
  call.n = random.pick<int64_t>({1, 7, 33, 64, 70});
  call.k = random.pick<int64_t>({1, 9, 64, 77, 264});
  if (random.chance(0.1)) call.k = 1100;  // more than one piece of x
  call.w_type = any_type(random);
  call.layout = random.chance(0.7) ? WeightLayout::n_k : WeightLayout::k_n;
  call.bias_type = any_type(random);
  call.accumulate = random.chance(0.5);
  call.round_x = random.chance(0.5);
  const bool rows = call.layout == WeightLayout::n_k;
  call.w_stride = (rows ? call.k : call.n) + random.pick<int64_t>({0, 0, 3});
  call.x_stride = call.k + random.integer(0, 3);
  call.y_stride = call.n + random.integer(0, 3);
  batched.batch = random.pick<int64_t>({1, 1, 3});
  batched.w_step = (rows ? call.n : call.k) * call.w_stride;
  batched.x_step = m * call.x_stride;
  batched.y_step = m * call.y_stride;
  Buffer x = random.elements(Dtype::f32, batched.batch * batched.x_step);
  const Buffer w = random.elements(call.w_type, batched.batch * batched.w_step);
  const Buffer bias = random.elements(call.bias_type, call.n);
  Buffer y = random.elements(Dtype::f32, batched.batch * batched.y_step);
  call.x = x.floats();
  call.w = w.data();
  if (random.chance(0.5)) call.bias = bias.data();
  const auto with = [&](Buffer &to) {
    kernels::BatchedMatmulCall one = batched;
    one.first.y = to.floats();
    return one;
  };
  require_equal_results(
      y, 1e-4f, "product",
      [&](Buffer &to) {
        for (int64_t i = 0; i < batched.batch; ++i) kernels::matmul_reference(with(to).at(i));
      },
      [&](Buffer &to) { device::matmul(with(to), nullptr); });
}

}  // namespace

TEST_CASE("Products of a few rows on a card equal the reference implementation") {
  many_shapes(24, [](Random &random) { compare_products(random, random.integer(1, 8)); });
}

TEST_CASE("Products of many rows on a card equal the reference implementation") {
  many_shapes(12, [](Random &random) { compare_products(random, random.pick<int64_t>({9, 16, 65, 70})); });
}

TEST_CASE("A product with more columns than a block serves is complete") {
  Random random(2);
  kernels::BatchedMatmulCall call;
  call.batch = 1;
  call.first.m = 1;
  call.first.n = call.first.y_stride = 150;
  call.first.k = call.first.x_stride = call.first.w_stride = 1032;
  call.first.w_type = Dtype::bf16;
  Buffer x = random.elements(Dtype::f32, 1032), y(Dtype::f32, 150);
  const Buffer w = random.elements(Dtype::bf16, 150 * 1032);
  call.first.x = x.floats();
  call.first.w = w.data();
  for (const int64_t m : {1, 66}) {
    call.first.m = m;
    Buffer many = random.elements(Dtype::f32, m * 1032), out(Dtype::f32, m * 150);
    call.first.x = many.floats();
    call.first.round_x = m > 8;
    const auto with = [&](Buffer &to) {
      kernels::BatchedMatmulCall one = call;
      one.first.y = to.floats();
      return one;
    };
    require_equal_results(
        out, 2e-4f, "product", [&](Buffer &to) { kernels::matmul_reference(with(to).first); },
        [&](Buffer &to) { device::matmul(with(to), nullptr); });
  }
}
