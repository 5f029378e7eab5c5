#include "core/generation/testing/toy.hpp"
#include "core/generation/testing/processors.hpp"
#include "tests/support/error_text.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

namespace {

/// Texts "5 6 5 6 ...": even ids and odd ones by turns, of 3 to 5 tokens; ids from 20 on are no text.
class Turns : public TokenConstraint {
 public:
  int64_t start() override { return 0; }
  int64_t next(int64_t state, int64_t token) override {
    return state < 5 && token < 20 && token % 2 == state % 2 ? state + 1 : kDead;
  }
  bool complete(int64_t state) override { return state >= 3; }
  std::span<const uint64_t> allowed(int64_t state) override {
    mask_ = state >= 5 ? 0 : (state % 2 == 0 ? 0x55555u : 0xAAAAAu);
    return {&mask_, 1};
  }

 private:
  uint64_t mask_ = 0;
};

constexpr int64_t kEos = 22;
const Prompt kPrompt{{{3, 1, 4, 1, 5}}, {}};

GenerationConfig turns(int64_t n = 12) {
  auto config = new_tokens(n);
  config.set(option::eos_token_id, {kEos});
  set_option(config, "response_format", to_option(std::string("regex:x")));
  return config;
}

void check_turns(const std::vector<int64_t> &ids) {
  REQUIRE(ids.size() >= 9);
  size_t i = 5;
  for (; i < ids.size() && ids[i] != kEos; ++i)
    CHECK((ids[i] < 20 && ids[i] % 2 == static_cast<int64_t>(i - 5) % 2));
  CHECK((i >= 8 && i <= 10));
  CHECK(ids[i] == kEos);
}

GenerationResult constrained(const GenerationConfig &config, const std::string &cache = "dynamic",
                             const Prompt &prompt = kPrompt) {
  Turns constraint;
  GenerationResources resources;
  resources.constraint = &constraint;
  return generate_toy(cache, prompt, config, {}, resources);
}

std::string refusal(GenerationConfig config, bool with_constraint = true) {
  Turns constraint;
  GenerationResources resources;
  if (with_constraint) resources.constraint = &constraint;
  return error_text(ErrorKind::config, [&] { generate_toy("dynamic", kPrompt, config, {}, resources); });
}

}  // namespace

TEST_CASE("Every way to decode keeps to the format, and ends where it may") {
  check_turns(constrained(turns()).sequences[0]);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    auto config = turns();
    config.set(option::do_sample, true);
    config.seed = seed;
    check_turns(constrained(config).sequences[0]);
    config.set(option::num_beams, int64_t{3});
    config.set(option::num_return_sequences, int64_t{3});
    for (const auto &ids : constrained(config).sequences) check_turns(ids);
  }
  for (const int64_t groups : {1, 2}) {
    auto config = turns();
    config.set(option::num_beams, int64_t{4});
    config.set(option::num_return_sequences, int64_t{4});
    if (groups > 1) {
      set_option(config, "num_beam_groups", to_option(groups));
      set_option(config, "diversity_penalty", to_option(0.5));
    }
    for (const auto &ids : constrained(config).sequences) check_turns(ids);
  }
}

TEST_CASE("Rows of a batch keep to the format apart, and a row that has ended is left alone") {
  auto config = turns();
  config.set(option::do_sample, true);
  config.set(option::num_return_sequences, int64_t{6});
  config.seed = 3;
  const auto result = constrained(config, "dynamic", {{{3, 1, 4, 1, 5}, {9, 2, 6, 5, 3}}, {}});
  CHECK(result.sequences.size() == 12);
  for (const auto &ids : result.sequences) check_turns(ids);
}

TEST_CASE("A draft and a lookup of the prompt give the format's greedy ids") {
  const auto want = constrained(turns()).sequences;
  auto lookup = turns();
  set_option(lookup, "prompt_lookup_num_tokens", to_option(int64_t{3}));
  CHECK(constrained(lookup).sequences == want);
  Turns constraint;
  ToyModel draft;
  draft.spoil(want[0][6], 3.0f);
  auto cache = open_toy_cache(draft, "dynamic");
  GenerationResources resources;
  resources.assistant = &draft;
  resources.assistant_cache = &cache;
  resources.constraint = &constraint;
  auto config = turns();
  set_option(config, "assistant_confidence_threshold", to_option(0.0));
  CHECK(generate_toy("dynamic", kPrompt, config, {}, resources).sequences == want);
}

TEST_CASE("A format is refused with what is missing or contradicts it") {
  CHECK(refusal(turns(), false).find("needs a tokenizer") != std::string::npos);
  auto config = turns();
  config.set(option::eos_token_id, {});
  CHECK(refusal(config).find("needs eos_token_id") != std::string::npos);
  config = turns();
  set_option(config, "forced_eos_token_id", to_option(Ids{3}));
  CHECK(refusal(config).find("cannot be used with forced_eos_token_id") != std::string::npos);
  config = turns();
  set_option(config, "penalty_alpha", to_option(0.6));
  CHECK(refusal(config).find("penalty_alpha") != std::string::npos);
  config = turns();
  set_option(config, "suppress_tokens", to_option(Ids{0, 2, 4, 6, 8, 10, 12, 14, 16, 18}));
  CHECK(refusal(config).find("leave no token to choose") != std::string::npos);
}

TEST_CASE("\"text\" and \"none\" restrict nothing") {
  auto config = turns();
  set_option(config, "response_format", to_option(std::string("text")));
  const auto want = generate_toy("dynamic", kPrompt, config).sequences;
  config = turns();
  set_option(config, "response_format", to_option(std::string("none")));
  CHECK(generate_toy("dynamic", kPrompt, config).sequences == want);
}
