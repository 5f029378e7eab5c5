#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("epsilon_cutoff keeps tokens of at least this probability, and the most likely one always") {
  const Scores scores{log_of({0.5, 0.25, 0.15, 0.1})};
  CHECK(kept(processed(sampled("epsilon_cutoff", to_option(0.2)), {{0}}, scores)) == Ids{0, 1});
  CHECK(kept(processed(sampled("epsilon_cutoff", to_option(0.9)), {{0}}, scores)) == Ids{0});
  CHECK(kept(processed(sampled("epsilon_cutoff", to_option(0.0)), {{0}}, scores)) == Ids{0, 1, 2, 3});
}
