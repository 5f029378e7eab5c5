#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("renormalize_logits makes the scores that are left log-probabilities") {
  auto config = sampled("renormalize_logits", to_option(true));
  set_option(config, "top_k", to_option(int64_t{2}));
  const auto result = processed(config, {{0}}, {log_of({0.6, 0.2, 0.1, 0.1})});
  CHECK(result[0][0].item<float>() == Approx(std::log(0.75)));
  CHECK(result[0][1].item<float>() == Approx(std::log(0.25)));
}
