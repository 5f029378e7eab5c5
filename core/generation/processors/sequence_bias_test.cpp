#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("sequence_bias is added where the ids before the last end the row") {
  GenerationConfig config;
  const auto pair = [](const Ids &ids, double bias) {
    return Option{OptionArray{to_option(ids), to_option(bias)}, ""};
  };
  set_option(
      config, "sequence_bias",
      {OptionArray{pair({1}, 5), pair({1}, 2), pair({0, 2}, -4), pair({2, 2}, 8), pair({7, 7, 7, 1}, 1)},
       ""});
  const auto result = processed(config, {{1, 0}}, {std::vector<float>(8, 1.0f)});
  CHECK(result[0][1].item<float>() == 3.0f);  // of two equal sequences the last counts
  CHECK(result[0][2].item<float>() == -3.0f);
  CHECK(result[0][0].item<float>() == 1.0f);
  CHECK_THROWS_AS(processed(config, {{1, 0}}, {std::vector<float>(3, 1.0f)}), Error);  // id 7
  CHECK_THROWS_AS(set_option(config, "sequence_bias", to_option(Ids{1})), Error);
}
