#include <kvern/sdk/growth.hpp>
#include <stdexcept>

#include "tests/support/test.hpp"

using namespace kvern::sdk;

TEST_CASE("Reserving in all parts undoes, last first, the parts before the one that fails, and no other") {
  std::vector<std::optional<int>> parts{1, std::nullopt, 2, 3, 4};
  std::vector<int> reserved, undone;
  const auto reserve = [&](int &part, std::size_t) {
    if (part == 3) throw std::runtime_error("no memory");
    reserved.push_back(part);
  };
  const auto undo = [&](int &part, std::size_t i) {
    undone.insert(undone.end(), {part, static_cast<int>(i)});
  };
  CHECK_THROWS_AS(reserve_all(parts, reserve, undo), std::runtime_error);
  CHECK(reserved == std::vector<int>{1, 2});
  CHECK(undone == std::vector<int>{2, 2, 1, 0});
}

TEST_CASE("Growth is by half, within what is expected, the capacity and the limit of a retention") {
  CHECK(GrowthPolicy{}.grown(100, 0) == 128);
  CHECK(GrowthPolicy{}.grown(129, 128) == 192);
  CHECK(GrowthPolicy{.expected_slots = 110}.grown(100, 0) == 110);
  CHECK(GrowthPolicy{.expected_slots = 110}.grown(111, 110) == 192);
  CHECK(GrowthPolicy{.capacity = 120}.grown(111, 110) == 120);
  CHECK(GrowthPolicy{.capacity = 120, .preallocate = true}.grown(3, 0) == 120);
  CHECK(GrowthPolicy{.no_growth = true}.grown(111, 110) == 111);
  CHECK(GrowthPolicy{}.grown(100, 0, 105) == 105);
  CHECK(GrowthPolicy{}.grown(100, 0, 90) == 128);
}
