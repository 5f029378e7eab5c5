#include "core/generation/beams/hypotheses.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

Hypotheses two(EarlyStopping early_stopping, double length_penalty = 1.0) {
  Hypotheses list(2, length_penalty, early_stopping, /*max_new=*/10);
  list.add({0, {1}, {}, true}, -4.0, 2);  // -2
  list.add({0, {2}, {}, true}, -9.0, 3);  // -3
  return list;
}

}  // namespace

TEST_CASE("The best hypotheses stay, scored by their length") {
  auto list = two(EarlyStopping::always);
  list.add({0, {3}, {}, true}, -5.0, 2);  // -2.5 displaces -3
  list.add({0, {4}, {}, true}, -8.0, 2);  // -4 does not enter
  REQUIRE(list.list().size() == 2);
  CHECK(list.list()[0].score == -2.0);
  CHECK(list.list()[1].score == -2.5);
}

TEST_CASE("A search is done with enough hypotheses, or where running beams cannot become better") {
  const Hypotheses empty(2, 1.0, EarlyStopping::always, 10);
  CHECK_FALSE(empty.is_done(-100.0, 5));
  CHECK(two(EarlyStopping::always).is_done(-0.1, 5));
  CHECK(two(EarlyStopping::at_present_length).is_done(-20.0, 5));    // -4 now
  CHECK_FALSE(two(EarlyStopping::at_any_length).is_done(-20.0, 5));  // -2 at the limit
  CHECK(two(EarlyStopping::at_any_length).is_done(-40.0, 5));        // -4 there
  CHECK(two(EarlyStopping::at_any_length, -1.0).is_done(-20.0, 5));  // longer is worse
}
