#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("encoder_repetition_penalty makes tokens of the prompt more likely") {
  GenerationConfig config;
  set_option(config, "encoder_repetition_penalty", to_option(2.0));
  const auto result = processed(config, {{0, 1, 2}}, {{4.0f, -4.0f, 4.0f}}, 2);
  CHECK(result[0][0].item<float>() == 8.0f);
  CHECK(result[0][1].item<float>() == -2.0f);
  CHECK(result[0][2].item<float>() == 4.0f);
}
