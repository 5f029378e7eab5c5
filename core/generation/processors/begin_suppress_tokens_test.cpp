#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("begin_suppress_tokens filters ids at the first step, or at the second where the first is forced") {
  GenerationConfig config;
  set_option(config, "begin_suppress_tokens", to_option(Ids{1}));
  const Scores scores{std::vector<float>(3, 0.0f)};
  CHECK(kept(processed(config, {{0}}, scores)) == Ids{0, 2});
  CHECK(kept(processed(config, {{0, 0}}, scores)) == Ids{0, 1, 2});
  config.set(option::forced_bos_token_id, {2});
  CHECK(kept(processed(config, {{0}}, scores)) == Ids{2});
  CHECK(kept(processed(config, {{0, 0}}, scores)) == Ids{0, 2});
}
