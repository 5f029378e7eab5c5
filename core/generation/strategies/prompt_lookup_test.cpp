#include "core/generation/testing/toy.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::test;

namespace {

const Prompt kPrompt{{{3, 1, 4, 1, 5, 9, 3, 1, 4}}, {}};

GenerationConfig lookup(int64_t new_tokens_wanted) {
  auto config = new_tokens(new_tokens_wanted);
  set_option(config, "prompt_lookup_num_tokens", to_option(int64_t{4}));
  return config;
}

}  // namespace

TEST_CASE("Prompt lookup gives the tokens of greedy decoding on every cache") {
  const auto want = generate_toy("dynamic", kPrompt, new_tokens(40));
  for (const std::string name : {"dynamic", "static", "none"}) {
    const auto got = generate_toy(name, kPrompt, lookup(40));
    CHECK(got.sequences == want.sequences);
    CHECK(got.candidate_tokens > 0);
    CHECK(got.accepted_tokens <= got.candidate_tokens);
  }
}

TEST_CASE("Prompt lookup ends at an eos id, and draws what sampling draws of one token a step") {
  const auto free = generate_toy("dynamic", kPrompt, new_tokens(20)).sequences[0];
  auto config = lookup(20);
  config.set(option::eos_token_id, {free[14]});
  auto greedy = new_tokens(20);
  greedy.set(option::eos_token_id, {free[14]});
  CHECK(generate_toy("static", kPrompt, config).sequences ==
        generate_toy("static", kPrompt, greedy).sequences);
  config = lookup(20);
  config.set(option::do_sample, true);
  config.seed = 3;
  CHECK(generate_toy("dynamic", kPrompt, config).sequences ==
        generate_toy("none", kPrompt, config).sequences);
}

TEST_CASE("Prompt lookup refuses beams, several sequences, guidance, and batches") {
  const auto message = [](const std::string &name, const Option &value) {
    auto config = lookup(4);
    config.set(option::do_sample, name == "num_return_sequences");
    set_option(config, name, value);
    return error_text(ErrorKind::config, [&] { generate_toy("dynamic", kPrompt, config); });
  };
  CHECK(message("num_beams", to_option(int64_t{2})).find("not for beams") != std::string::npos);
  CHECK(message("num_return_sequences", to_option(int64_t{2})).find("one sequence") != std::string::npos);
  CHECK(message("guidance_scale", to_option(1.5)).find("guidance_scale") != std::string::npos);
  const Prompt two{{{1, 2}, {3, 4}}, {}};
  CHECK(error_text(ErrorKind::input, [&] { generate_toy("dynamic", two, lookup(4)); }).find("one prompt") !=
        std::string::npos);
}
