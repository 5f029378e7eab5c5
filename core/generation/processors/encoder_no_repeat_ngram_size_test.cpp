#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("encoder_no_repeat_ngram_size filters n-grams of the prompt only") {
  GenerationConfig config;
  set_option(config, "encoder_no_repeat_ngram_size", to_option(int64_t{2}));
  // 1 2 is of the prompt, 1 3 is not.
  CHECK(kept(processed(config, {{1, 2, 1, 3, 1}}, {std::vector<float>(5, 0.0f)}, 2)) == Ids{0, 1, 3, 4});
}
