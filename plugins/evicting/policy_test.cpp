#include "plugins/evicting/policy.hpp"

#include <numeric>

#include "tests/support/test.hpp"

using namespace kvern::evicting;

namespace {

struct Head {
  std::vector<int64_t> positions;
  std::vector<float> scores;

  explicit Head(int64_t n) : positions(n), scores(n, 0.0f) {
    std::iota(positions.begin(), positions.end(), 0);
  }
  std::vector<int64_t> kept(const Settings &settings, uint64_t salt = 0) const {
    return keys_to_keep(settings, {positions, scores, std::ssize(positions), salt});
  }
};

Settings of(Policy policy, int64_t budget) {
  Settings settings;
  settings.policy = policy;
  settings.budget = budget;
  settings.num_sink_tokens = 1;
  settings.num_recent_tokens = 2;
  return settings;
}

}  // namespace

TEST_CASE("The keys with most mass stay, beside the first and the last; of equal ones the newer") {
  Head head(10);
  head.scores = {0, 3, 0, 5, 4, 0, 5, 0, 0, 0};
  CHECK(head.kept(of(Policy::h2o, 6)) == std::vector<int64_t>{0, 3, 4, 6, 8, 9});
  CHECK(head.kept(of(Policy::tova, 4)) == std::vector<int64_t>{0, 6, 8, 9});
}

TEST_CASE("snapkv ranks a key by its neighbours too") {
  Head head(12);
  head.scores[4] = 9;
  Settings settings = of(Policy::snapkv, 6);
  settings.kernel_size = 3;
  CHECK(head.kept(settings) == std::vector<int64_t>{0, 3, 4, 5, 10, 11});
}

TEST_CASE(
    "The random choice repeats for a seed, differs by head, and does not depend on what was evicted before") {
  const Settings settings = of(Policy::window_random, 20);
  Head head(100);
  const auto once = head.kept(settings);
  CHECK(once == head.kept(settings));
  CHECK(once != head.kept(settings, 1));
  Head left(0);
  for (int64_t i = 0; i < 100; ++i)
    if (std::find(once.begin(), once.end(), i) != once.end() || i % 3 == 0) left.positions.push_back(i);
  left.scores.resize(left.positions.size());
  std::vector<int64_t> positions;
  for (const int64_t i : keys_to_keep(settings, {left.positions, left.scores, 100, 0}))
    positions.push_back(left.positions[i]);
  CHECK(positions == once);
}

TEST_CASE("h2o sums mass, tova forgets it, snapkv keeps an observation window of it") {
  Settings settings = of(Policy::snapkv, 10);
  settings.observation = 4;
  CHECK(updated_score(of(Policy::h2o, 9), 2, 3, 1) == 5);
  CHECK(updated_score(of(Policy::tova, 9), 2, 3, 1) == 3);
  CHECK(updated_score(settings, 2, 3, 1) == Approx(2 * 0.75 + 3));
  CHECK(updated_score(settings, 2, 3, 4) == 3);
  CHECK(observed_queries(settings, 9) == 4);
  CHECK(observed_queries(of(Policy::h2o, 9), 9) == 9);
  CHECK(observed_queries(of(Policy::tova, 9), 9) == 1);
  CHECK(observed_queries(of(Policy::window_random, 9), 9) == 0);
}
