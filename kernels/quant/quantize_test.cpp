// The fast quantizer and its inverse against the reference implementations, at every capability of the processor.
#include "kernels/quant/quantize.hpp"

#include <cmath>
#include <string>

#include "kernels/quant/element.hpp"
#include "kernels/quant/hadamard.hpp"
#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::quant;
using namespace kvern::kernels::testing;

namespace {

constexpr int kAllBits[] = {8, 4, 3, 2, 1};
constexpr int64_t kDims[] = {1, 16, 20, 64, 80, 96, 128, 256};

void quantize(const BlockFormat &format, bool keys, const HeadView &x, int64_t tokens, Search search,
              std::byte *block) {
  keys ? quantize_keys(format, x, tokens, search, block) : quantize_values(format, x, tokens, search, block);
}
void dequantize(const BlockFormat &format, bool keys, const std::byte *block, int64_t first, int64_t n,
                bool unrotated, void *out, Dtype type, int64_t stride) {
  keys ? dequantize_keys(format, block, first, n, unrotated, out, type, stride)
       : dequantize_values(format, block, first, n, unrotated, out, type, stride);
}

std::string describe(const BlockFormat &format, bool keys, int64_t tokens) {
  const TensorFormat &t = format_of(format, keys);
  return std::string(keys ? "keys, " : "values, ") + std::to_string(t.bits) + " bits, per " +
         (t.axis == Axis::token ? "token" : "channel") + ", groups of " + std::to_string(t.group) + ", dim " +
         std::to_string(t.dim) + (t.rotate ? ", rotated, " : ", ") + std::to_string(tokens) + " tokens";
}

/// f(format, keys, tokens) for every kind of block.
template <class F>
void for_every_format(F &&f) {
  Random random(17);
  for (int bits : kAllBits) {
    for (Axis axis : {Axis::token, Axis::channel}) {
      for (int64_t dim : kDims) {
        const int64_t group = random.pick<int64_t>({16, 32, 64, 128, 256});
        const bool rotate = random.chance(0.3);
        const TensorFormat tensor = {bits, axis, group, dim, rotate};
        const BlockFormat format(tensor, tensor);
        for (int64_t tokens : {int64_t{1}, format.tokens - 1, format.tokens}) {
          f(format, tokens % 2 == 0, tokens);
          if (tokens == format.tokens) f(format, false, tokens);
        }
      }
    }
  }
}

std::vector<std::byte> filled_block(const BlockFormat &format) {
  return std::vector<std::byte>(static_cast<size_t>(format.bytes),
                                std::byte{0x7f});  // f16 NaN where not written
}

bool same_at(const BlockFormat &format, bool keys, int64_t token, int64_t channel,
             const std::vector<std::byte> &a, const std::vector<std::byte> &b) {
  const int64_t index = scale_index(format, keys, token, channel);
  return scale_at(format, keys, a.data(), index) == scale_at(format, keys, b.data(), index) &&
         zero_at(format, keys, a.data(), index) == zero_at(format, keys, b.data(), index) &&
         code_at(format, keys, a.data(), token, channel) == code_at(format, keys, b.data(), token, channel);
}

double squared_error(const BlockFormat &format, bool keys, const std::vector<std::byte> &block,
                     const Buffer &x, int64_t tokens) {
  const int64_t dim = format_of(format, keys).dim;
  double sum = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    std::vector<float> row(static_cast<size_t>(dim));
    for (int64_t c = 0; c < dim; ++c) row[static_cast<size_t>(c)] = x.at(t * dim + c);
    if (format_of(format, keys).rotate) rotate(row.data(), dim);
    for (int64_t c = 0; c < dim; ++c) {
      const double d = value_at(format, keys, block.data(), t, c) - row[static_cast<size_t>(c)];
      sum += d * d;
    }
  }
  return sum;
}

}  // namespace

TEST_CASE(
    "Without search, blocks equal those of the reference implementation bit by bit, at every capability") {
  for_each_capability([](const CpuCapability &capability) {
    Random random(23);
    for_every_format([&](const BlockFormat &format, bool keys, int64_t tokens) {
      const int64_t dim = format_of(format, keys).dim, stride = dim + random.integer(0, 3);
      const Dtype type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
      const Buffer x = random.elements(type, (tokens - 1) * stride + dim);
      std::vector<std::byte> expected = filled_block(format), got = filled_block(format);
      quantize_reference(format, keys, {x.data(), type, stride}, tokens, expected.data());
      quantize(format, keys, {x.data(), type, stride}, tokens, Search::none, got.data());
      INFO(capability.name << ": " << describe(format, keys, tokens));
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t c = 0; c < dim; ++c) {
          if (!same_at(format, keys, t, c, got, expected)) FAIL("token " << t << ", channel " << c);
        }
      }
    });
  });
}

TEST_CASE(
    "Unpacked elements equal those of the reference implementation but for rounding, for every part of a "
    "block, at every "
    "capability") {
  for_each_capability([](const CpuCapability &capability) {
    Random random(29);
    for_every_format([&](const BlockFormat &format, bool keys, int64_t tokens) {
      const int64_t dim = format_of(format, keys).dim, stride = dim + random.integer(0, 3);
      const Buffer x = random.elements(Dtype::f32, tokens * dim, 3.0f);
      std::vector<std::byte> block = filled_block(format);
      quantize(format, keys, {x.data(), Dtype::f32, dim}, tokens, Search::fast, block.data());
      const int64_t first = random.chance(0.5) ? 0 : random.integer(0, tokens - 1);
      const int64_t n = random.chance(0.5) ? tokens - first : random.integer(0, tokens - first);
      if (n == 0) return;
      const Dtype type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
      const bool unrotated = random.chance(0.7);
      Buffer expected(type, (n - 1) * stride + dim), got(type, (n - 1) * stride + dim);
      dequantize_reference(format, keys, block.data(), first, n, unrotated, expected.data(), type, stride);
      dequantize(format, keys, block.data(), first, n, unrotated, got.data(), type, stride);
      INFO(capability.name << ": " << describe(format, keys, tokens) << ", from " << first << " " << n);
      const float relative = type == Dtype::f32 ? 1e-6f : type == Dtype::f16 ? 1e-3f : 8e-3f;
      for (int64_t i = 0; i < got.size(); ++i) {
        const float off = std::abs(got.at(i) - expected.at(i));
        if (!(off <= relative * std::abs(expected.at(i)) + 1e-5f))
          FAIL("number " << i << " is off by " << off);
      }
    });
  });
}

TEST_CASE(
    "Searching never makes the error greater, more of it helps, and every capability finds as good scales") {
  double first_level = 0;
  for_each_capability([&](const CpuCapability &capability) {
    double total[3] = {};
    for_every_format([&](const BlockFormat &format, bool keys, int64_t tokens) {
      Random random(static_cast<unsigned>(tokens));
      const int64_t dim = format_of(format, keys).dim;
      const Buffer x = random.elements(Dtype::f32, tokens * dim);
      double error[3];
      for (Search search : {Search::none, Search::fast, Search::full}) {
        std::vector<std::byte> block = filled_block(format);
        quantize(format, keys, {x.data(), Dtype::f32, dim}, tokens, search, block.data());
        const size_t i = static_cast<size_t>(search);
        error[i] = squared_error(format, keys, block, x, tokens);
        total[i] += error[i];
      }
      INFO(capability.name << ": " << describe(format, keys, tokens));
      CHECK(error[1] <= error[0] * 1.00001 + 1e-9);
      CHECK(error[2] <= error[0] * 1.00001 + 1e-9);
    });
    CHECK(total[1] < 0.8 * total[0]);
    CHECK(total[2] < total[1]);
    if (first_level == 0) first_level = total[1];
    CHECK(total[1] == Approx(first_level).epsilon(0.002));
  });
}

namespace {

/// What 64 tokens of 32 channels come back as.
std::vector<float> there_and_back(int bits, Axis axis, const Buffer &x, Search search) {
  const TensorFormat tensor = {bits, axis, 32, 32, false};
  const BlockFormat format(tensor, tensor);
  std::vector<std::byte> block = filled_block(format);
  std::vector<float> out(64 * 32);
  quantize(format, true, {x.data(), x.type, 32}, 64, search, block.data());
  dequantize(format, true, block.data(), 0, 64, false, out.data(), Dtype::f32, 32);
  return out;
}

/// The largest distance from `number`; infinite if one is not finite.
float farthest(const std::vector<float> &x, float number) {
  float most = 0;
  for (float one : x) most = std::isfinite(one) ? std::max(most, std::abs(one - number)) : INFINITY;
  return most;
}

/// f(bits, axis, search) at every capability.
template <class F>
void for_every_way(F &&f) {
  for_each_capability([&](const CpuCapability &) {
    for (int bits : kAllBits) {
      for (Axis axis : {Axis::token, Axis::channel}) {
        for (Search search : {Search::none, Search::fast, Search::full}) f(bits, axis, search);
      }
    }
  });
}

}  // namespace

TEST_CASE("A group of one number many times comes back as that number") {
  for (float number : {0.0f, -0.0f, 0.75f, -3.0f, 0.1f, 1e-3f, 1000.1f, 65504.0f, -65504.0f}) {
    Buffer x(Dtype::f32, 64 * 32);
    for (int64_t i = 0; i < x.size(); ++i) x.set(i, number);
    for_every_way([&](int bits, Axis axis, Search search) {
      REQUIRE(farthest(there_and_back(bits, axis, x, search), number) <= 1e-6f * std::abs(number) + 1e-7f);
    });
  }
}

TEST_CASE("Elements smaller than f16 become 0 or its smallest, nearly equal ones stay apart from none") {
  Random random(3);
  const Buffer tiny = random.elements(Dtype::f32, 64 * 32, 1e-9f);
  for_every_way([&](int bits, Axis axis, Search search) {
    REQUIRE(farthest(there_and_back(bits, axis, tiny, search), 0.0f) < 1e-7f);
  });
  Buffer near = random.elements(Dtype::f32, 64 * 32, 1e-4f);
  for (int64_t i = 0; i < near.size(); ++i) near.set(i, 2.0f + near.at(i));
  for_every_way([&](int bits, Axis axis, Search search) {
    REQUIRE(farthest(there_and_back(bits, axis, near, search), 2.0f) < 2e-3f);
  });
}

TEST_CASE("Infinities, NaN and elements beyond f16 become finite ones") {
  Random random(4);
  Buffer x = random.elements(Dtype::f32, 64 * 32);
  const float odd[] = {INFINITY, -INFINITY, NAN, 3e38f, -3e38f, 1e5f, -NAN, 1e-45f};
  for (int64_t i = 0; i < x.size(); i += 7) x.set(i, odd[static_cast<size_t>(i / 7) % 8]);
  for_every_way([&](int bits, Axis axis, Search search) {
    REQUIRE(farthest(there_and_back(bits, axis, x, search), 0.0f) <= 2.1f * 65504.0f);
  });
  for (int64_t i = 0; i < x.size(); ++i) x.set(i, NAN);
  for_every_way([&](int bits, Axis axis, Search search) {
    REQUIRE(farthest(there_and_back(bits, axis, x, search), 0.0f) == 0.0f);
  });
}

TEST_CASE("A NaN does not touch the other elements of its group more than a 0 does") {
  Random random(5);
  Buffer x = random.elements(Dtype::f32, 64 * 32);
  x.set(40, NAN);
  const std::vector<float> with_nan = there_and_back(4, Axis::token, x, Search::fast);
  x.set(40, 0.0f);
  CHECK(with_nan == there_and_back(4, Axis::token, x, Search::fast));
}

TEST_CASE("Rotation lowers the error of 4 bits where few channels are much greater than the rest") {
  constexpr int64_t kTokens = 64, kDim = 64;
  Random random(6);
  Buffer x = random.elements(Dtype::f32, kTokens * kDim);
  for (int64_t t = 0; t < kTokens; ++t) {
    for (int64_t c : {5, 40}) x.set(t * kDim + c, 30.0f * x.at(t * kDim + c));
  }
  auto error = [&](bool rotated) {
    const TensorFormat tensor = {4, Axis::token, 64, kDim, rotated};
    const BlockFormat format(tensor, tensor);
    std::vector<std::byte> block = filled_block(format);
    quantize_keys(format, {x.data(), Dtype::f32, kDim}, kTokens, Search::fast, block.data());
    return squared_error(format, true, block, x, kTokens);
  };
  CHECK(error(true) < 0.7 * error(false));
}
