#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("min_new_tokens filters ids that end a sequence before so many new tokens") {
  GenerationConfig config;
  config.set(option::eos_token_id, {1});
  set_option(config, "min_new_tokens", to_option(int64_t{2}));
  const Scores scores{std::vector<float>(3, 0.0f)};
  CHECK(kept(processed(config, {{0, 0, 0}}, scores, 2)) == Ids{0, 2});
  CHECK(kept(processed(config, {{0, 0, 0, 0}}, scores, 2)) == Ids{0, 1, 2});
}
