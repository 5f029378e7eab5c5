#include "core/generation/testing/processors.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

TEST_CASE("eta_cutoff filters less where the entropy is high") {
  // sqrt(0.2) exp(-entropy) of the uniform distribution over 8 is 0.056, below its 0.125; 0.2 alone would filter all but one.
  const Scores uniform{std::vector<float>(8, 0.0f)};
  CHECK(kept(processed(sampled("eta_cutoff", to_option(0.2)), {{0}}, uniform)).size() == 8);
  // Entropy 0.21: the cutoff is min(0.2, 0.362) = 0.2.
  CHECK(kept(processed(sampled("eta_cutoff", to_option(0.2)), {{0}}, {log_of({0.95, 0.04, 0.01})})) ==
        Ids{0});
}
