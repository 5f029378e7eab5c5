#include <array>
#include <kvern/sdk/shared_blocks.hpp>

#include "tests/support/test.hpp"

using namespace kvern::sdk;

namespace {

using Block = std::array<int, 4>;
using Blocks = SharedBlocks<Block>;

/// Writes slots begin .. end - 1 of every row; returns how many blocks were copied.
int write(Blocks &blocks, int64_t rows, int64_t begin, int64_t end, int value) {
  int copies = 0;
  blocks = blocks.with_room(
      rows, begin, end, [] { return Block{}; },
      [&](const Block &from) {
        ++copies;
        return from;
      });
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t slot = begin; slot < end; ++slot)
      blocks.at(row, slot)[slot % 4] = value + static_cast<int>(100 * row);
  return copies;
}

int count(const Blocks &blocks) {
  int n = 0;
  blocks.each([&](const Block &) { ++n; });
  return n;
}

}  // namespace

TEST_CASE(
    "Rows that were one share their blocks until they are written, and only the written block is copied") {
  Blocks blocks(4);
  CHECK(write(blocks, 1, 0, 10, 1) == 0);
  CHECK(count(blocks) == 3);
  const std::vector<int64_t> twice{0, 0};
  blocks.gather(twice);
  CHECK(count(blocks) == 3);
  CHECK(write(blocks, 2, 10, 11, 2) >= 1);
  CHECK(blocks.at(0, 10)[2] == 2);
  CHECK(blocks.at(1, 10)[2] == 102);
  CHECK(blocks.at(0, 9)[1] == 1);
  CHECK(blocks.at(1, 9)[1] == 1);
  CHECK(&blocks.at(0, 7) == &blocks.at(1, 7));
  CHECK(write(blocks, 2, 11, 12, 3) == 0);  // its own by now
}

TEST_CASE("A clone is not changed by what its original writes") {
  Blocks blocks(4);
  write(blocks, 1, 0, 6, 1);
  Blocks clone(blocks);
  CHECK(write(blocks, 1, 6, 9, 2) == 1);
  CHECK(blocks.at(0, 6)[2] == 2);
  CHECK(clone.at(0, 6)[2] == 0);
  CHECK(&blocks.at(0, 3) == &clone.at(0, 3));
}

TEST_CASE("What is cut off is let go, and a step that writes nothing copies nothing") {
  Blocks blocks(4);
  write(blocks, 2, 0, 9, 1);
  CHECK(count(blocks) == 6);
  blocks.cut(2, 8);
  CHECK(count(blocks) == 4);
  const Blocks clone(blocks);
  CHECK(write(blocks, 2, 8, 8, 1) == 0);
  blocks.cut(1, 1);
  CHECK(count(blocks) == 1);
  CHECK(count(clone) == 4);
}
