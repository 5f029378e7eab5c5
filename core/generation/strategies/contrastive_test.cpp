#include "core/generation/testing/toy.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::test;

namespace {

const Prompt kPrompt{{{3, 1, 4, 1, 5}}, {}};

GenerationConfig contrastive(double alpha, int64_t n = 12) {
  auto config = new_tokens(n);
  config.set(option::penalty_alpha, {alpha});
  config.set(option::top_k, int64_t{4});
  return config;
}

}  // namespace

TEST_CASE(
    "Contrastive search without its penalty is greedy, with it avoids repetition; every cache gives the "
    "same") {
  const auto greedy = generate_toy("dynamic", kPrompt, new_tokens(12)).sequences;
  CHECK(generate_toy("dynamic", kPrompt, contrastive(1e-9)).sequences == greedy);
  const auto want = generate_toy("dynamic", kPrompt, contrastive(0.9)).sequences;
  CHECK(want != greedy);
  for (const std::string name : {"static", "none"})
    CHECK(generate_toy(name, kPrompt, contrastive(0.9)).sequences == want);
}

TEST_CASE("Contrastive search of a padded batch is that of each prompt") {
  const Prompt batch{{{0, 0, 0, 7, 2}, {3, 1, 4, 1, 5}}, {{0, 0, 0, 1, 1}, {1, 1, 1, 1, 1}}};
  const auto both = generate_toy("dynamic", batch, contrastive(0.6)).sequences;
  const auto alone = generate_toy("dynamic", {{{7, 2}}, {}}, contrastive(0.6)).sequences;
  CHECK(std::vector<int64_t>(both[0].begin() + 3, both[0].end()) == alone[0]);
  CHECK(both[1] == generate_toy("dynamic", kPrompt, contrastive(0.6)).sequences[0]);
}

TEST_CASE("Contrastive search returns one sequence a prompt") {
  auto config = contrastive(0.6);
  set_option(config, "num_return_sequences", to_option(int64_t{2}));
  CHECK(error_text(ErrorKind::config, [&] {
          generate_toy("dynamic", kPrompt, config);
        }).find("gives 1 for each prompt") != std::string::npos);
}
