#include "core/torch/torch.hpp"
#include "runtime/run/token_scores.hpp"

#include <cmath>
#include <kvern/error.hpp>
#include <limits>

#include "tests/support/test.hpp"

using namespace kvern;

namespace {

at::Tensor logits(std::vector<float> probabilities, int64_t vocabulary) {
  const auto n = static_cast<int64_t>(probabilities.size());
  auto t = at::empty({n / vocabulary, vocabulary}, at::kFloat);
  std::transform(probabilities.begin(), probabilities.end(), t.data_ptr<float>(),
                 [](float p) { return std::log(p) + 3; });  // a constant does not matter
  return t;
}

at::Tensor ids(std::vector<int64_t> list) {
  auto t = at::empty({static_cast<int64_t>(list.size())}, at::kLong);
  std::copy(list.begin(), list.end(), t.data_ptr<int64_t>());
  return t;
}

}  // namespace

TEST_CASE("Loss, divergence and agreement are those of the distributions") {
  const Distributions reference(logits({0.5F, 0.5F, 0.8F, 0.2F}, 2), "a");
  const Distributions other(logits({0.25F, 0.75F, 0.6F, 0.4F}, 2), "b");
  TokenScores scores;
  other.score(ids({0, 1}), reference, scores);
  REQUIRE(scores.kl.size() == 2);
  CHECK(scores.loss[0] == Approx(-std::log(0.25)));
  CHECK(scores.loss[1] == Approx(-std::log(0.4)));
  CHECK(scores.kl[0] == Approx(0.5 * std::log(2) + 0.5 * std::log(0.5 / 0.75)));
  CHECK(scores.kl[1] == Approx(0.8 * std::log(0.8 / 0.6) + 0.2 * std::log(0.2 / 0.4)));
  CHECK(scores.same == std::vector<double>{0, 1});
  CHECK(scores.difference[0] == Approx(std::log(2)));
  CHECK(scores.difference[1] == Approx(std::log(2)));
}

TEST_CASE("A distribution does not diverge from itself") {
  const Distributions d(logits({0.1F, 0.2F, 0.7F}, 3), "a");
  TokenScores scores;
  d.score(ids({2}), d, scores);
  CHECK(scores.kl == std::vector<double>{0});
  CHECK(scores.same == std::vector<double>{1});
}

TEST_CASE("Logits that are no numbers are the cache's fault, and say so") {
  auto bad = logits({0.5F, 0.5F}, 2);
  bad.data_ptr<float>()[1] = std::numeric_limits<float>::quiet_NaN();
  try {
    Distributions(bad, "broken");
    FAIL("no error");
  } catch (const Error &e) {
    CHECK(e.kind() == ErrorKind::plugin);
    CHECK_THAT(e.what(), Catch::Contains("'broken'"));
  }
}
