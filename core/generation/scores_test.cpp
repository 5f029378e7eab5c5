// Scores from which nothing can be chosen never reach the choice.
#include "core/generation/scores.hpp"

#include <limits>

#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using kvern::test::error_text;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void check(const std::vector<float> &row, const GenerationConfig &config = {}) {
  const auto scores = at::zeros({1, static_cast<int64_t>(row.size())});
  std::copy(row.begin(), row.end(), scores.data_ptr<float>());
  check_scores(scores, Sequences({{1, 2}}, config), config);
}

GenerationConfig config(const std::string &name, double value, OptionSource source) {
  GenerationConfig c;
  set_option(c, name, to_option(value), source);
  return c;
}

}  // namespace

TEST_CASE("Scores that are NaN, infinite or all filtered out are refused") {
  CHECK_NOTHROW(check({-kInfinity, 1, -kInfinity}));
  for (const float x : {std::numeric_limits<float>::quiet_NaN(), kInfinity})
    CHECK_THROWS_AS(check({0, x, 1}), Error);
  CHECK_THROWS_AS(check({-kInfinity, -kInfinity}), Error);
}

TEST_CASE("The options that left no token are named, and who set them decides the kind of the error") {
  const std::string end =
      " leave no token to choose: scores are NaN or infinite; use values nearer to 1, or fewer of them";
  CHECK(error_text(ErrorKind::config, [] {
          check({kInfinity}, config("temperature", 1e-45, OptionSource::flag));
        }) == "the logits processors (temperature = 1e-45)" + end);
  CHECK(error_text(ErrorKind::model, [] {
          check({kInfinity}, config("repetition_penalty", 1e-320, OptionSource::model));
        }) == "the logits processors (repetition_penalty = 9.99989e-321)" + end);
}

TEST_CASE("A sequence that has ended may have no token to choose") {
  GenerationConfig c;
  c.set(option::eos_token_id, {7});
  Sequences sequences({{1, 2}}, c);
  const auto next = at::zeros({1}, at::kLong).fill_(7);
  sequences.append(next);
  CHECK_NOTHROW(check_scores(at::zeros({1, 3}).fill_(-kInfinity), sequences, c));
}

TEST_CASE("The strategy is the first that applies") {
  GenerationConfig c;
  CHECK(choose_strategy(c).order == StrategyOrder::greedy);
  c.set(option::do_sample, true);
  CHECK(choose_strategy(c).order == StrategyOrder::sampling);
  c.set(option::temperature, 0.0);
  CHECK(choose_strategy(c).order == StrategyOrder::greedy);
}
