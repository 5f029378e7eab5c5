#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE(
    "forced_bos_token_id is the token behind a prompt of one, and outside the vocabulary it is refused") {
  GenerationConfig config;
  config.set(option::forced_bos_token_id, {2});
  const Scores scores{std::vector<float>(3, 0.0f)};
  CHECK(kept(processed(config, {{0}}, scores)) == Ids{2});
  CHECK(kept(processed(config, {{0, 0}}, scores)) == Ids{0, 1, 2});
  config.set(option::forced_bos_token_id, {9});
  CHECK_THROWS_AS(processed(config, {{0}}, scores), Error);
}
