#include <kvern/sdk/slots.hpp>

#include "tests/support/test.hpp"

using namespace kvern::sdk;

namespace {

Step step_of(std::vector<int64_t> positions, std::vector<int64_t> new_tokens, uint32_t flags = 0) {
  kvern_step raw{};
  raw.struct_size = sizeof raw;
  raw.flags = flags;
  raw.rows = static_cast<int64_t>(positions.size());
  for (int64_t count : new_tokens) raw.n_new = std::max(raw.n_new, count);
  raw.row_pos = positions.data();
  raw.row_new = new_tokens.data();
  Step step;
  step.read(raw);
  return step;
}

void feed(Slots &slots, std::vector<int64_t> positions, std::vector<int64_t> new_tokens,
          std::vector<int64_t> keep = {}) {
  const Step step = step_of(positions, new_tokens, keep.empty() ? 0 : KVERN_STEP_TENTATIVE);
  slots.check(step);
  slots.open(step);
  slots.close(step, [&](int64_t row) { return keep.empty() ? step.n_new : keep[row]; });
}

std::vector<int64_t> row(const Slots &slots, int64_t number) {
  std::vector<int64_t> positions;
  for (int64_t slot = 0; slot < slots.held(); ++slot)
    positions.push_back(std::max<int64_t>(-1, slots.position(number, slot)));
  return positions;
}

using Positions = std::vector<int64_t>;

}  // namespace

TEST_CASE("rows of one length are runs, padded or not") {
  Slots slots;
  feed(slots, {-2, 0}, {4, 4});
  feed(slots, {2, 4}, {1, 1});
  CHECK(slots.linear());
  CHECK(row(slots, 0) == Positions{-1, -1, 0, 1, 2});
  CHECK(row(slots, 1) == Positions{0, 1, 2, 3, 4});
  CHECK(slots.tokens() == 5);
  kvern_view view{};
  slots.view(view);
  CHECK(view.kv_len == 5);
  CHECK(view.key_pos == nullptr);
  CHECK(view.first_pos[0] == -2);
}

TEST_CASE("rows of different lengths leave holes, which nobody sees") {
  Slots slots;
  feed(slots, {0, 0}, {3, 1});
  feed(slots, {3, 1}, {1, 2});
  CHECK_FALSE(slots.linear());
  CHECK(row(slots, 0) == Positions{0, 1, 2, 3, -1});
  CHECK(row(slots, 1) == Positions{0, -1, -1, 1, 2});
  kvern_view view{};
  slots.view(view);
  CHECK(view.key_pos[view.row_stride + 3] == 1);
}

TEST_CASE("holes are the slots that no row sees") {
  Slots slots;
  feed(slots, {0, 0}, {3, 3});
  CHECK(slots.holes() == 0);
  feed(slots, {3, 3}, {4, 0});
  CHECK(slots.holes() == 0);  // the first row sees all
  feed(slots, {7, 3}, {0, 2});
  slots.truncate(Positions{4, 5});
  CHECK(row(slots, 0) == Positions{0, 1, 2, 3, -1, -1, -1, -1, -1});
  CHECK(row(slots, 1) == Positions{0, 1, 2, -1, -1, -1, -1, 3, 4});
  CHECK(slots.holes() == 3);
  slots.gather(Positions{1});
  CHECK(slots.holes() == 4);
  slots.truncate(Positions{3});
  CHECK(slots.holes() == 0);
}

TEST_CASE("a tentative step keeps by row what is accepted") {
  Slots slots;
  feed(slots, {0, 0}, {2, 2});
  feed(slots, {2, 2}, {3, 3}, {3, 1});
  CHECK(row(slots, 0) == Positions{0, 1, 2, 3, 4});
  CHECK(row(slots, 1) == Positions{0, 1, 2, -1, -1});
  CHECK(slots.next(1) == 3);
  feed(slots, {5, 3}, {2, 2}, {0, 0});
  CHECK(slots.held() == 5);
}

TEST_CASE("rows that end together again are runs again") {
  Slots slots;
  feed(slots, {0, 0}, {2, 2});
  feed(slots, {2, 2}, {3, 3}, {3, 1});
  slots.truncate(Positions{3, 3});
  CHECK(slots.linear());
  CHECK(row(slots, 0) == Positions{0, 1, 2});
  feed(slots, {3, 3}, {1, 1});
  CHECK(slots.tokens() == 4);
}

TEST_CASE("truncation by row keeps the longest row's slots and forgets the rest") {
  Slots slots;
  feed(slots, {0, 0}, {4, 4});
  slots.truncate(Positions{4, 1});
  CHECK(row(slots, 1) == Positions{0, -1, -1, -1});
  CHECK(slots.next(1) == 1);
  slots.truncate(Positions{0, 0});
  CHECK(slots.held() == 0);
  CHECK(slots.rows() == 0);
}

TEST_CASE("gather reorders, repeats and drops rows") {
  Slots slots;
  feed(slots, {0, -1, 0}, {3, 3, 2});
  slots.gather(Positions{2, 0, 0});
  CHECK(row(slots, 0) == Positions{0, 1, -1});
  CHECK(row(slots, 2) == Positions{0, 1, 2});
  slots.gather(Positions{1});
  CHECK(slots.linear());
  CHECK(slots.rows() == 1);
}

TEST_CASE("rows that join end in the same slot") {
  Slots slots, more;
  feed(slots, {0}, {2});
  feed(more, {-1, 0}, {4, 4});
  slots.append(more);
  CHECK(slots.linear());
  CHECK(row(slots, 0) == Positions{-1, -1, 0, 1});
  CHECK(row(slots, 1) == Positions{-1, 0, 1, 2});
  CHECK(slots.next(0) == 2);
}

TEST_CASE("slots that are dropped in front take their positions with them") {
  Slots slots;
  feed(slots, {-1, 0}, {4, 4});
  slots.drop_front(2);
  CHECK(row(slots, 0) == Positions{1, 2});
  feed(slots, {3, 4}, {1, 1});
  CHECK(row(slots, 1) == Positions{2, 3, 4});
  Slots table;
  feed(table, {0, 0}, {3, 2});
  table.drop_front(1);
  CHECK(row(table, 0) == Positions{1, 2});
  CHECK(row(table, 1) == Positions{1, -1});
}

TEST_CASE("a step that does not continue its rows is refused and changes nothing") {
  Slots slots;
  feed(slots, {0, 0}, {2, 2});
  CHECK_THROWS_AS(slots.check(step_of({3, 2}, {1, 1})), Failure);
  CHECK_THROWS_AS(slots.check(step_of({2}, {1})), Failure);
  CHECK_NOTHROW(slots.check(step_of({2, 77}, {1, 0})));
  CHECK(slots.held() == 2);
}

TEST_CASE("a decoding step touches nothing per slot") {
  Slots slots;
  feed(slots, {0, -3}, {16000, 16000});
  kvern_view before{}, after{};
  const Step step = step_of({16000, 15997}, {1, 1});
  slots.view(before);
  slots.open(step);
  slots.view(after);
  CHECK(after.first_pos == before.first_pos);
  CHECK(after.key_pos == nullptr);
  CHECK(after.kv_len == 16001);
  slots.close(step, [](int64_t) { return 1; });
}

TEST_CASE(
    "slots are aligned while a slot is as far from the end in every row, padding and dropped slots aside") {
  Slots slots;
  feed(slots, {-2, 0}, {6, 6});
  CHECK(slots.aligned());
  slots.drop(3, 2);
  CHECK_FALSE(slots.linear());
  CHECK(slots.aligned());
  feed(slots, {4, 6}, {1, 1});
  CHECK(slots.aligned());
  feed(slots, {5, 7}, {2, 1});
  CHECK_FALSE(slots.aligned());
}
