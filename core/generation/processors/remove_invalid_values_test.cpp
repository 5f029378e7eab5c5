#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("remove_invalid_values replaces scores that are not finite") {
  GenerationConfig config;
  set_option(config, "remove_invalid_values", to_option(true));
  const float infinity = std::numeric_limits<float>::infinity();
  const auto result = processed(config, {{0}}, {{std::nanf(""), infinity, -infinity, 2.0f}});
  CHECK(result[0][0].item<float>() == 0.0f);
  CHECK(result[0][1].item<float>() == std::numeric_limits<float>::max());
  CHECK(result[0][2].item<float>() == std::numeric_limits<float>::lowest());
  CHECK(result[0][3].item<float>() == 2.0f);
}
