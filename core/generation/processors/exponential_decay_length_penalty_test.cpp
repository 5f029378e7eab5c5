#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("exponential_decay_length_penalty raises ids that end a sequence behind a number of new tokens") {
  GenerationConfig config;
  config.set(option::eos_token_id, {1});
  const Option value{OptionArray{to_option(int64_t{1}), to_option(2.0)}, ""};
  set_option(config, "exponential_decay_length_penalty", value);
  const Scores scores{{1.0f, -3.0f}};
  CHECK(processed(config, {{0, 0}}, scores)[0][1].item<float>() == -3.0f);
  CHECK(processed(config, {{0, 0, 0}}, scores)[0][1].item<float>() == 0.0f);     // -3 + 3 (2 - 1)
  CHECK(processed(config, {{0, 0, 0, 0}}, scores)[0][1].item<float>() == 6.0f);  // -3 + 3 (4 - 1)
  CHECK(processed(config, {{0, 0, 0, 0}}, scores)[0][0].item<float>() == 1.0f);
  CHECK_THROWS_AS(set_option(config, "exponential_decay_length_penalty", to_option(Ids{1})), Error);
}
