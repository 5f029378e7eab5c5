#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("no_repeat_ngram_size filters what would complete an n-gram again, row by row") {
  GenerationConfig config;
  set_option(config, "no_repeat_ngram_size", to_option(int64_t{2}));
  const Scores scores(2, std::vector<float>(5, 0.0f));
  const auto result = processed(config, {{1, 2, 3, 1}, {1, 1, 4, 1}}, scores);
  CHECK(kept(result, 0) == Ids{0, 1, 3, 4});
  CHECK(kept(result, 1) == Ids{0, 2, 3});
}

TEST_CASE("no_repeat_ngram_size of 1 lets a token occur once, and a longer n than the text filters nothing") {
  GenerationConfig config;
  set_option(config, "no_repeat_ngram_size", to_option(int64_t{1}));
  CHECK(kept(processed(config, {{1, 2}}, {std::vector<float>(4, 0.0f)})) == Ids{0, 3});
  set_option(config, "no_repeat_ngram_size", to_option(std::numeric_limits<int64_t>::max()));
  CHECK(kept(processed(config, {{1, 1}}, {std::vector<float>(4, 0.0f)})) == Ids{0, 1, 2, 3});
}
