#include "core/generation/testing/toy.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::test;

namespace {

const Prompt kPrompt{{{3, 1, 4, 1, 5}}, {}};

GenerationResult assisted(const std::string &cache, const std::string &of_draft, const ToyModel &draft,
                          const GenerationConfig &config) {
  auto draft_cache = open_toy_cache(draft, of_draft);
  GenerationResources resources;
  resources.assistant = &draft;
  resources.assistant_cache = &draft_cache;
  return generate_toy(cache, kPrompt, config, {}, resources);
}

GenerationConfig config_of(int64_t n) {
  auto config = new_tokens(n);
  set_option(config, "assistant_confidence_threshold", to_option(0.0));
  set_option(config, "num_assistant_tokens", to_option(int64_t{5}));
  return config;
}

}  // namespace

TEST_CASE("A draft that agrees is accepted, one that differs changes nothing, whatever the caches") {
  const auto want = generate_toy("dynamic", kPrompt, new_tokens(30)).sequences;
  const ToyModel same;
  const auto all = assisted("dynamic", "dynamic", same, config_of(30));
  CHECK(all.sequences == want);
  CHECK(all.accepted_tokens == all.candidate_tokens);
  CHECK(all.candidate_tokens == 25);
  ToyModel other;
  other.spoil(want[0][7], 3.0f);
  for (const std::string cache : {"dynamic", "static", "none"})
    for (const std::string of_draft : {"dynamic", "static", "none"}) {
      const auto got = assisted(cache, of_draft, other, config_of(30));
      CHECK(got.sequences == want);
      CHECK(got.accepted_tokens < got.candidate_tokens);
    }
}

TEST_CASE("The schedule and the confidence of a draft change how much is proposed, not what is generated") {
  const auto want = generate_toy("dynamic", kPrompt, new_tokens(30)).sequences;
  const ToyModel same;
  auto config = config_of(30);
  set_option(config, "num_assistant_tokens_schedule", to_option(std::string("heuristic")));
  CHECK(assisted("dynamic", "dynamic", same, config).sequences == want);
  config = config_of(30);
  set_option(config, "assistant_confidence_threshold", to_option(1.0));
  const auto unsure = assisted("dynamic", "dynamic", same, config);
  CHECK(unsure.sequences == want);
  CHECK(unsure.candidate_tokens < 25);  // one at a time
}

TEST_CASE("Speculative sampling of a draft that agrees keeps every candidate; a seed draws the same again") {
  const ToyModel same;
  auto config = config_of(20);
  config.set(option::do_sample, true);
  config.seed = 7;
  const auto first = assisted("dynamic", "dynamic", same, config);
  CHECK(first.accepted_tokens == first.candidate_tokens);
  CHECK(assisted("static", "none", same, config).sequences == first.sequences);
}
