#include "runtime/tokenizer/models/bpe_merges.hpp"

#include <random>

#include "tests/support/test.hpp"

using kvern::tokenizer::BpeMerges;

TEST_CASE("Lower ranks merge first, and the leftmost of equals") {
  BpeMerges merges;
  merges.add(1, 2, 10);
  merges.add(2, 3, 11);
  merges.add(10, 3, 12);
  std::vector<int64_t> symbols{1, 2, 3, 2, 3};
  merges.apply(symbols);
  CHECK(symbols == std::vector<int64_t>{12, 11});
}

TEST_CASE("The heap and the plain search merge alike") {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    BpeMerges merges;
    // as in a trained model, each rule joins symbols that exist before it
    for (int64_t next = 4; next < 4 + round % 60; ++next)
      merges.add(static_cast<int64_t>(random() % next), static_cast<int64_t>(random() % next), next);
    std::vector<int64_t> symbols(random() % 200);
    for (int64_t &symbol : symbols) symbol = random() % 4;
    std::vector<int64_t> plain = symbols;
    merges.apply(symbols);
    merges.apply_plain(plain);
    REQUIRE(symbols == plain);
  }
}
