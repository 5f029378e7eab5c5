// Kind "sorting": a model trained to continue k letters with the same letters sorted. It has 2k - 1 positions, since the last
// token is not fed; every possible prompt is a case.
#include <algorithm>
#include <kvern/generation.hpp>

#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

constexpr int64_t kMaxPrompts = 100000;

/// The n-th prompt of k letters out of `letters`.
std::vector<int64_t> prompt_number(int64_t n, int64_t k, int64_t letters) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < k; ++i, n /= letters) ids.push_back(n % letters);
  return ids;
}

Outcome sorts(const Model &model, Cache &cache, const std::vector<int64_t> &ids) {
  cache.reset();
  GenerationConfig config;
  config.set(option::max_new_tokens, {static_cast<int64_t>(ids.size())});
  const auto result = generate(model, cache, {{ids}, {}}, config);
  auto want = ids;
  auto sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  want.insert(want.end(), sorted.begin(), sorted.end());
  try {
    expect_ids(result.sequences, {want});
  } catch (const CaseEnd &ended) {
    return ended.outcome;
  }
  return Outcome::pass();
}

}  // namespace

std::vector<Outcome> run_sorting(const Case &c, Context &context) {
  const auto &model = context.model(c.file);
  const int64_t k = (model.info().max_positions + 1) / 2, letters = model.info().vocab_size;
  int64_t prompts = 1;
  for (int64_t i = 0; i < k && prompts <= kMaxPrompts; ++i) prompts *= letters;
  if (prompts > kMaxPrompts)
    skip("kind not offered: sorting more than " + std::to_string(kMaxPrompts) + " prompts");
  auto cache = context.open(model, "dynamic", 1, 2 * k);
  std::vector<Outcome> outcomes;
  for (int64_t n = 0; n < prompts; ++n) outcomes.push_back(sorts(model, cache, prompt_number(n, k, letters)));
  return outcomes;
}

}  // namespace kvern::reference
