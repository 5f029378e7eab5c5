#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("min_length filters ids that end a sequence below a length, prompt included") {
  GenerationConfig config;
  config.set(option::eos_token_id, {1, 99});
  set_option(config, "min_length", to_option(int64_t{3}));
  const Scores scores{std::vector<float>(3, 0.0f)};
  CHECK(kept(processed(config, {{0, 0}}, scores)) == Ids{0, 2});
  CHECK(kept(processed(config, {{0, 0, 0}}, scores)) == Ids{0, 1, 2});
}
