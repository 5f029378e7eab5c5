// The reference implementations by themselves: offsets of codes, and dequantized elements within half a step.
#include <cmath>
#include <set>

#include "kernels/quant/element.hpp"
#include "kernels/quant/quantize.hpp"
#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::quant;
using namespace kvern::kernels::testing;

namespace {

TensorFormat tensor(int bits, Axis axis, int64_t group, int64_t dim) {
  return {bits, axis, group, dim, false};
}

}  // namespace

TEST_CASE("Every token and channel has a code of its own, within the units that the layout counts") {
  const BlockFormat format(tensor(4, Axis::token, 16, 20), tensor(4, Axis::channel, 128, 20));
  REQUIRE(format.tokens == 128);
  for (bool keys : {true, false}) {
    const TensorLayout &layout = layout_of(format, keys);
    std::set<int64_t> seen;
    for (int64_t t = 0; t < format.tokens; ++t) {
      for (int64_t c = 0; c < layout.dim_padded; ++c) {
        const CodeOffset place = code_offset(format, keys, t, c);
        REQUIRE(place.unit < layout.units);
        REQUIRE(place.index < 64);
        seen.insert(place.unit * 64 + place.index);
      }
    }
    CHECK(static_cast<int64_t>(seen.size()) == layout.units * 64);
  }
}

TEST_CASE("A code that is set is read back, and no other code changes") {
  for (int bits : {8, 4, 3, 2, 1}) {
    const BlockFormat format(tensor(bits, Axis::token, 16, 20), tensor(bits, Axis::channel, 64, 20));
    std::vector<std::byte> block(static_cast<size_t>(format.bytes));
    auto expected = [bits](bool keys, int64_t t, int64_t c) {
      return static_cast<int>((t * 31 + c * 7 + (t >> 3) * (c >> 1) + keys) & ((1 << bits) - 1));
    };
    auto each = [&](auto &&f) {
      for (bool keys : {true, false}) {
        for (int64_t t = 0; t < format.tokens; ++t) {
          for (int64_t c = 0; c < layout_of(format, keys).dim_padded; ++c) f(keys, t, c);
        }
      }
    };
    each([&](bool keys, int64_t t, int64_t c) {
      set_code(format, keys, block.data(), t, c, expected(keys, t, c));
    });
    each([&](bool keys, int64_t t, int64_t c) {
      REQUIRE(code_at(format, keys, block.data(), t, c) == expected(keys, t, c));
    });
  }
}

TEST_CASE("Levels ascend and span what an int8 has") {
  for (int bits : {8, 4, 3, 2, 1}) {
    const int8_t *level = levels(bits);
    for (int code = 1; code < 1 << bits; ++code) CHECK(level[code - 1] < level[code]);
    CHECK(level[(1 << bits) - 1] == 127);
    CHECK(level[0] == (bits == 8 ? -128 : -127));
  }
}

TEST_CASE("What comes back is within half of the widest step, for all bits and both axes") {
  constexpr int64_t kTokens = 64, kDim = 20;
  Random random(5);
  const Buffer x = random.elements(Dtype::f32, kTokens * kDim);
  for (int bits : {8, 4, 3, 2, 1}) {
    const BlockFormat format(tensor(bits, Axis::token, 16, kDim), tensor(bits, Axis::channel, 32, kDim));
    std::vector<std::byte> block(static_cast<size_t>(format.bytes));
    float widest = 0;
    for (int code = 1; code < 1 << bits; ++code) {
      widest = std::max(widest, static_cast<float>(levels(bits)[code] - levels(bits)[code - 1]) / 127.0f);
    }
    for (bool keys : {true, false}) {
      quantize_reference(format, keys, {x.data(), Dtype::f32, kDim}, kTokens, block.data());
      std::vector<float> out(kTokens * kDim);
      dequantize_reference(format, keys, block.data(), 0, kTokens, false, out.data(), Dtype::f32, kDim);
      for (int64_t t = 0; t < kTokens; ++t) {
        for (int64_t c = 0; c < kDim; ++c) {
          const float scale = scale_at(format, keys, block.data(), scale_index(format, keys, t, c));
          const float got = out[static_cast<size_t>(t * kDim + c)];
          REQUIRE(std::abs(got - x.at(t * kDim + c)) <= 0.5f * widest * scale + 4e-3f);
        }
      }
    }
  }
}
