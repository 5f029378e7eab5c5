#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("suppress_tokens filters ids at every step; ids outside the vocabulary are none") {
  GenerationConfig config;
  set_option(config, "suppress_tokens", to_option(Ids{1, -1, 99}));
  const Scores scores{std::vector<float>(3, 0.0f)};
  CHECK(kept(processed(config, {{0}}, scores)) == Ids{0, 2});
  CHECK(kept(processed(config, {{0, 0, 0}}, scores)) == Ids{0, 2});
}
