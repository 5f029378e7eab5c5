#include "kernels/cpu_capability.hpp"

#include <stdexcept>

#include "kernels/dtype.hpp"
#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;

TEST_CASE("The portable capability is always there, and every available one can be set") {
  REQUIRE(std::string(available_capabilities().front()->name) == "portable");
  testing::for_each_capability([](const CpuCapability &capability) {
    CHECK(&cpu_capability() == &capability);
    CHECK(&find_capability(capability.name) == &capability);
  });
}

TEST_CASE("Every capability of the list has a name of its own and tables") {
  std::vector<std::string> names;
  for (const CpuCapability *one : known_capabilities()) {
    CHECK(std::find(names.begin(), names.end(), one->name) == names.end());
    names.emplace_back(one->name);
    CHECK(one->kernels != nullptr);
    CHECK(one->quant != nullptr);
  }
}

TEST_CASE("Where bf16 dot products are slow, many rows are multiplied in f32, or in tiles if there are any") {
  const std::vector<const CpuCapability *> &known = known_capabilities();
  for (size_t n = 1; n <= known.size(); ++n) {
    const std::vector<const CpuCapability *> available(known.begin(), known.begin() + static_cast<long>(n));
    const std::string highest = available.back()->name;
    CHECK(fastest_capability(available, false).name == highest);
    CHECK(fastest_capability(available, true).name ==
          (highest == "avx512_bf16" ? "avx512_bf16_rows" : highest));
  }
}

TEST_CASE("An unknown capability is refused with the known ones") {
  try {
    find_capability("avx215");
    FAIL("accepted");
  } catch (const std::invalid_argument &error) {
    CHECK(std::string(error.what()).find("'avx215'") != std::string::npos);
    CHECK(std::string(error.what()).find("known are portable") != std::string::npos);
  }
}
TEST_CASE("Every 16-bit pattern survives the way to f32 and back") {
  for (uint32_t bits = 0; bits < 0x10000u; ++bits) {
    uint16_t half = static_cast<uint16_t>(bits);
    bool bf16_nan = (half & 0x7fffu) > 0x7f80u, f16_nan = (half & 0x7fffu) > 0x7c00u;
    if (!bf16_nan && f32_to_bf16(bf16_to_f32(half)) != half) FAIL("bf16 " << bits);
    if (!f16_nan && f32_to_f16(f16_to_f32(half)) != half) FAIL("f16 " << bits);
    if (bf16_nan) CHECK((f32_to_bf16(bf16_to_f32(half)) & 0x7fffu) > 0x7f80u);
    if (f16_nan) CHECK((f32_to_f16(f16_to_f32(half)) & 0x7fffu) > 0x7c00u);
  }
}

TEST_CASE("Rounding to 16 bits goes to the nearest number, ties to even") {
  CHECK(f32_to_bf16(1.0f + 1.0f / 256) == 0x3f80);  // a tie, down to even
  CHECK(f32_to_bf16(1.0f + 3.0f / 256) == 0x3f82);  // a tie, up to even
  CHECK(f32_to_bf16(1.0f + 1.1f / 256) == 0x3f81);  // above the tie
  CHECK(f32_to_f16(1.0f + 1.0f / 2048) == 0x3c00);  // a tie, down to even
  CHECK(f32_to_f16(1.0f + 3.0f / 2048) == 0x3c02);  // a tie, up to even
  CHECK(f32_to_f16(65519.0f) == 0x7bff);            // the largest number that does not round to infinity
  CHECK(f32_to_f16(65520.0f) == 0x7c00);
  CHECK(f32_to_f16(std::bit_cast<float>(0x33000000u)) == 0);  // half of the smallest subnormal: a tie to 0
  CHECK(f32_to_f16(std::bit_cast<float>(0x33000001u)) == 1);
}
