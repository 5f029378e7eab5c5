#include "runtime/support/block_sum.hpp"

#include <set>
#include <vector>

#include "tests/support/test.hpp"

using namespace kvern;

namespace {

std::vector<std::byte> some_bytes(size_t n) {
  std::vector<std::byte> bytes(n);
  uint32_t x = 12345;
  for (auto &byte : bytes) byte = static_cast<std::byte>((x = x * 1664525 + 1013904223) >> 24);
  return bytes;
}

}  // namespace

TEST_CASE("The sum of a block changes with each of its bits, with its length and with what came before") {
  for (const size_t n : {1, 7, 8, 31, 32, 33, 64, 71, 200}) {
    auto bytes = some_bytes(n);
    std::set<uint64_t> sums{block_sum(bytes.data(), n, 0), block_sum(bytes.data(), n, 1),
                            block_sum(bytes.data(), n - 1, 0)};
    for (size_t bit = 0; bit < 8 * n; ++bit) {
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
      sums.insert(block_sum(bytes.data(), n, 0));
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    }
    INFO(n << " bytes");
    CHECK(sums.size() == 8 * n + 3);
  }
}

TEST_CASE("The sum of a block tells words in another order, and a word of zeros more") {
  const auto bytes = some_bytes(64);
  auto other = bytes;
  for (size_t i = 0; i < 8; ++i) std::swap(other[i], other[32 + i]);
  CHECK(block_sum(bytes.data(), 64, 0) != block_sum(other.data(), 64, 0));
  const std::vector<std::byte> zeros(64);
  std::set<uint64_t> sums;
  for (size_t n = 0; n <= 64; ++n) sums.insert(block_sum(zeros.data(), n, 0));
  CHECK(sums.size() == 65);
}
