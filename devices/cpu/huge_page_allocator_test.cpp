#include "devices/cpu/huge_page_allocator.hpp"

#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/test.hpp"

using kvern::HugePageAllocator;

namespace {

struct Piece {
  unsigned char *data;
  std::size_t bytes;
  unsigned char mark;
};

bool holds(const Piece &piece) {
  for (std::size_t i = 0; i < piece.bytes; i += 511)
    if (piece.data[i] != piece.mark) return false;
  return piece.data[piece.bytes - 1] == piece.mark;
}

}  // namespace

TEST_CASE("buffers in large pages are aligned and keep apart, whatever is given back between") {
  HugePageAllocator memory;
  std::mt19937 random(1);
  std::vector<Piece> pieces;
  for (int i = 0; i < 200; ++i) {
    if (pieces.size() > 8) {
      const auto at = pieces.begin() + static_cast<std::ptrdiff_t>(random() % pieces.size());
      CHECK(holds(*at));
      memory.give_back(at->data, at->bytes);
      pieces.erase(at);
    }
    const std::size_t bytes = HugePageAllocator::kMinBytes + random() % (std::size_t{5} << 20);
    auto *data = static_cast<unsigned char *>(memory.take(bytes));
    REQUIRE(data != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
    pieces.push_back({data, bytes, static_cast<unsigned char>(i)});
    std::memset(data, i, bytes);
  }
  for (const Piece &piece : pieces) {
    CHECK(holds(piece));
    memory.give_back(piece.data, piece.bytes);
  }
}

TEST_CASE("many small buffers that go make room, and their pages are the system's again") {
  HugePageAllocator memory;
  constexpr std::size_t bytes = std::size_t{300} << 10;
  auto *stays = static_cast<unsigned char *>(memory.take(bytes));
  stays[0] = 5;
  std::vector<unsigned char *> first;
  for (int round = 0; round < 3; ++round) {
    std::vector<unsigned char *> some;
    for (int i = 0; i < 20; ++i) {
      some.push_back(static_cast<unsigned char *>(memory.take(bytes)));
      std::memset(some.back(), 9, bytes);
    }
    if (round == 0) first = some;
    CHECK(some == first);
    for (unsigned char *data : some) memory.give_back(data, bytes);
  }
  // a page that was freed comes back as zeros: the last of the twenty has pages of its own
  auto *again = static_cast<unsigned char *>(memory.take(bytes * 19));
  CHECK(again[bytes * 18] == 0);
  memory.give_back(again, bytes * 19);
  CHECK(stays[0] == 5);
  memory.give_back(stays, bytes);
}

TEST_CASE("a buffer larger than a block of large pages has one of its own") {
  HugePageAllocator memory;
  constexpr std::size_t bytes = (std::size_t{40} << 20) + 3;
  auto *data = static_cast<unsigned char *>(memory.take(bytes));
  REQUIRE(data != nullptr);
  data[0] = data[bytes - 1] = 7;
  memory.give_back(data, bytes);
}

TEST_CASE("what no memory could hold is refused, not rounded to nothing") {
  HugePageAllocator memory;
  CHECK(memory.take(std::numeric_limits<std::size_t>::max()) == nullptr);
  CHECK(memory.take(std::numeric_limits<std::size_t>::max() / 2) == nullptr);
}
