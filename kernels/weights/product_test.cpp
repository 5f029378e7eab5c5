#include "kernels/weights/product.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/test_support.hpp"
#include "kernels/weights/testing_matrix.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

struct Case {
  std::vector<RandomMatrix> matrices;
  std::vector<PackedPart> parts;
  Buffer x, bias, y;
  PackedMatmulCall call;
};

Case random_case(Random &random, std::initializer_list<int64_t> rows) {
  Case c;
  const int64_t k = 32 * random.integer(1, 9), parts = random.pick<int64_t>({1, 1, 2, 3});
  int64_t n = 0;
  for (int64_t i = 0; i < parts; ++i) {
    c.matrices.push_back(random_matrix(random, random.integer(1, i == 0 ? 200 : 70), k, parts == 1));
    n += c.matrices.back().matrix.n;
  }
  c.call.m = random.pick(rows);
  c.call.x_stride = k + random.integer(0, 3);
  c.call.y_stride = n + random.integer(0, 3);
  c.call.accumulate = random.chance(0.4);
  c.x = random.elements(Dtype::f32, c.call.m * c.call.x_stride);
  c.y = random.elements(Dtype::f32, c.call.m * c.call.y_stride);
  const Dtype type = random.pick({Dtype::f32, Dtype::bf16});
  c.bias = random.elements(type, n);
  for (const RandomMatrix &one : c.matrices)
    c.parts.push_back({&one.matrix, random.chance(0.5) ? c.bias.data() : nullptr, type});
  c.call.x = c.x.floats();
  c.call.part = c.parts.data();
  c.call.parts = parts;
  return c;
}

void check_at(Case &c, const Buffer &want, const Parallel &parallel) {
  Buffer got = c.y;
  c.call.y = got.floats();
  packed_matmul(c.call, parallel);
  const PackedMatrix &w = *c.parts[0].matrix;
  for (int64_t i = 0; i < got.size(); ++i) {
    if (std::abs(got.at(i) - want.at(i)) <= 2e-4f) continue;
    FAIL(cpu_capability().name << ": " << got.at(i) << " instead of " << want.at(i) << " at " << i
                               << ", m=" << c.call.m << " n=" << w.n << " k=" << w.k << " bits " << w.bits
                               << " group " << w.group);
  }
}

/// At every capability.
void check_case(Case &c, const Parallel &parallel) {
  Buffer want = c.y;
  c.call.y = want.floats();
  packed_matmul_reference(c.call);
  for_each_capability([&](const CpuCapability &) { check_at(c, want, parallel); });
}

}  // namespace

TEST_CASE("Products with packed matrices equal the reference implementation at every capability") {
  Random random(11);
  for (int i = 0; i < 60; ++i) {
    Case c = random_case(random, {1, 1, 2, 3, 8, 13, 33, 97, 200});
    check_case(c, i % 2 ? serial() : test_threads());
  }
  SUCCEED();
}

TEST_CASE("The largest codes, levels and inputs of packed matrices do not overflow") {
  for_each_capability([](const CpuCapability &capability) {
    INFO(capability.name);
    for (const int bits : {8, 4}) {
      Random random(3);
      RandomMatrix one = filled_matrix(16, 64, bits, bits == 8 ? -127 : 15);
      one.matrix.zero = 0;
      const PackedPart part{&one.matrix, nullptr, Dtype::f32};
      std::vector<float> x(64, -3.0f), y(16), want(16);
      PackedMatmulCall call{1, x.data(), 64, &part, 1, y.data(), 16, false};
      packed_matmul(call, serial());
      call.y = want.data();
      packed_matmul_reference(call);
      for (size_t i = 0; i < y.size(); ++i) CHECK(y[i] == Approx(want[i]).epsilon(1e-5));
    }
  });
}

TEST_CASE("A row's product with a packed matrix has the same bits alone and among others") {
  for_each_capability([](const CpuCapability &capability) {
    INFO(capability.name);
    Random random(12);
    for (const int64_t rows : {2, 7, 70}) {
      Case c = random_case(random, {rows});
      Buffer all = c.y, one = c.y;
      c.call.y = all.floats();
      packed_matmul(c.call, test_threads());
      for (int64_t r = 0; r < rows; ++r) {
        PackedMatmulCall call = c.call;
        call.m = 1, call.x += r * call.x_stride, call.y = one.floats() + r * call.y_stride;
        packed_matmul(call, serial());
      }
      CHECK(all.bytes == one.bytes);
    }
  });
}

TEST_CASE("An input that is not finite makes the product with a packed matrix not finite") {
  for_each_capability([](const CpuCapability &capability) {
    INFO(capability.name);
    const RandomMatrix one = filled_matrix(20, 64, 4, 3);
    const PackedPart part{&one.matrix, nullptr, Dtype::f32};
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::vector<float> x(64, 1.0f), y(20);
      x[37] = bad;
      packed_matmul({1, x.data(), 64, &part, 1, y.data(), 20, false}, serial());
      for (const float value : y) CHECK_FALSE(std::isfinite(value));
    }
  });
}

TEST_CASE("Inputs so small that nothing could be divided by them count as zero") {
  for_each_capability([](const CpuCapability &capability) {
    INFO(capability.name);
    const RandomMatrix one = filled_matrix(20, 64, 4, 3);
    const PackedPart part{&one.matrix, nullptr, Dtype::f32};
    std::vector<float> x(64, 1e-38f), y(20);
    packed_matmul({1, x.data(), 64, &part, 1, y.data(), 20, false}, serial());
    for (const float value : y) CHECK(std::abs(value) < 1e-30f);
  });
}

TEST_CASE("Parts that cannot share their input are refused") {
  Random random(1);
  RandomMatrix a = random_matrix(random, 16, 64, false), b = random_matrix(random, 16, 96, false);
  const PackedPart parts[] = {{&a.matrix, nullptr, Dtype::f32}, {&b.matrix, nullptr, Dtype::f32}};
  std::vector<float> x(96), y(32);
  CHECK_THROWS_AS(packed_matmul({1, x.data(), 96, parts, 2, y.data(), 32, false}, serial()),
                  std::invalid_argument);
}
