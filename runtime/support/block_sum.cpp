#include "runtime/support/block_sum.hpp"

#include <cstring>

namespace kvern {
namespace {

constexpr uint64_t kOdd = 0xD6E8FEB86659FD93ull;  // any odd number with bits all over

uint64_t step(uint64_t state, uint64_t word) {
  state = (state ^ word) * kOdd;
  return state ^ (state >> 31);
}

uint64_t word_at(const std::byte *data, std::size_t bytes = 8) {
  uint64_t word = 0;
  std::memcpy(&word, data, bytes);
  return word;
}

}  // namespace

uint64_t block_sum(const std::byte *data, std::size_t size, uint64_t seed) {
  uint64_t a = seed ^ size, b = a + kOdd, c = b + kOdd, d = c + kOdd;
  for (; size >= 32; size -= 32, data += 32) {
    a = step(a, word_at(data));
    b = step(b, word_at(data + 8));
    c = step(c, word_at(data + 16));
    d = step(d, word_at(data + 24));
  }
  for (; size > 0;) {
    const std::size_t n = size < 8 ? size : 8;
    a = step(a, word_at(data, n));
    size -= n, data += n;
  }
  return step(step(step(step(a, 1), step(b, 2)), step(c, 3)), step(d, 4));
}

}  // namespace kvern
