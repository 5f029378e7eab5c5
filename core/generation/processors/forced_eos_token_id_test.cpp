#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("forced_eos_token_id is the last token where the length limit is reached") {
  GenerationConfig config;
  config.set(option::max_length, int64_t{4});
  set_option(config, "forced_eos_token_id", to_option(Ids{0, 2}));
  const Scores scores{std::vector<float>(3, 0.0f)};
  CHECK(kept(processed(config, {{0, 0}}, scores)) == Ids{0, 1, 2});
  CHECK(kept(processed(config, {{0, 0, 0}}, scores)) == Ids{0, 2});
}
