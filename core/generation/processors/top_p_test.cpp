#include "core/generation/testing/processors.hpp"
#include "core/torch/torch.hpp"

using namespace kvern;
using namespace kvern::test;

namespace {

/// Reference implementation: sorts all scores.
at::Tensor by_sorting(const at::Tensor &scores, double p) {
  const auto [sorted, index] = scores.sort(-1, /*descending=*/false);
  auto remove = sorted.softmax(-1).cumsum(-1) <= 1.0 - p;
  remove.slice(-1, -1).fill_(false);
  return scores.masked_fill(remove.scatter(1, index, remove), kFiltered);
}

}  // namespace

TEST_CASE(
    "The nucleus is what sorting all scores gives, flat and peaked, filtered before and at either end") {
  const auto generator = at::detail::createCPUGenerator(11);
  for (const double p : {0.0, 0.05, 0.5, 0.9, 0.999})
    for (const double scale : {0.01, 1.0, 5.0, 40.0}) {
      auto scores = at::randn({2, 3000}, generator) * scale;
      scores[1].slice(0, 100, 2000).fill_(kFiltered);
      const auto config = sampled("top_p", to_option(p));
      const auto ids = at::zeros({2, 1}, at::kLong);
      at::Tensor got = scores;
      for (const auto &process : make_processors(config, {ids, 20})) got = (*process)(ids, got);
      INFO("top_p " << p << ", scale " << scale);
      CHECK(got.equal(by_sorting(scores, p)));
    }
}
