#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;

TEST_CASE("typical_p keeps the tokens whose surprisal is nearest to the entropy, not the most likely ones") {
  // In bits: the entropy is 1.75, surprisals are 1, 2, 3 and 3.
  const Scores scores{log_of({0.5, 0.25, 0.125, 0.125})};
  using Ids = std::vector<int64_t>;
  CHECK(kept(processed(sampled("typical_p", to_option(0.2)), {{0}}, scores)) == Ids{1});
  CHECK(kept(processed(sampled("typical_p", to_option(0.7)), {{0}}, scores)) == Ids{0, 1});
  CHECK(kept(processed(sampled("typical_p", to_option(1.0)), {{0}}, scores)) == Ids{0, 1, 2, 3});
}

TEST_CASE("typical_p counts tokens that another processor filtered out as impossible") {
  auto config = sampled("typical_p", to_option(0.2));
  set_option(config, "top_k", to_option(int64_t{2}));
  // Of the two that are left, 2/3 and 1/3: the entropy is 0.918 bits, surprisals are 0.585 and 1.585.
  CHECK(kept(processed(config, {{0}}, {log_of({0.5, 0.25, 0.125, 0.125})})) == std::vector<int64_t>{0});
}
