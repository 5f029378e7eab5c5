#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("bad_words_ids filters what would complete one of them; an id that ends a sequence stays allowed") {
  GenerationConfig config;
  config.set(option::eos_token_id, {3});
  set_option(config, "bad_words_ids",
             {OptionArray{to_option(Ids{1}), to_option(Ids{0, 2}), to_option(Ids{3})}, ""});
  const Scores scores{std::vector<float>(4, 0.0f)};
  CHECK(kept(processed(config, {{1, 0}}, scores)) == Ids{0, 3});
  CHECK(kept(processed(config, {{0, 1}}, scores)) == Ids{0, 2, 3});
}
