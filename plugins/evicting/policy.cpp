#include "plugins/evicting/policy.hpp"

#include <algorithm>
#include <numeric>

namespace kvern::evicting {
namespace {

/// Uniform in [0, 1), the same for a key in every call: the keys that stay are a uniform sample of all there were.
float random_score(uint64_t seed, uint64_t salt, int64_t position) {
  uint64_t x = (seed + 1) * 0x9E3779B97F4A7C15ull ^ (salt + 1) * 0xC2B2AE3D27D4EB4Full ^
               (static_cast<uint64_t>(position) + 1) * 0x165667B19E3779F9ull;
  for (int i = 0; i < 3; ++i) x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93ull;
  return static_cast<float>(x >> 40) / 16777216.0f;
}

std::vector<float> averaged(std::span<const float> scores, int64_t width) {
  std::vector<float> result(scores.size());
  const auto n = std::ssize(scores);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t begin = std::max<int64_t>(0, i - width / 2), end = std::min(n, i + (width + 1) / 2);
    result[i] =
        std::accumulate(scores.begin() + begin, scores.begin() + end, 0.0f) / static_cast<float>(width);
  }
  return result;
}

std::vector<float> ranking(const Settings &settings, const HeadKeys &keys) {
  if (settings.policy == Policy::snapkv) return averaged(keys.scores, settings.kernel_size);
  std::vector<float> scores(keys.scores.begin(), keys.scores.end());
  for (std::size_t i = 0; i < scores.size() && settings.policy == Policy::window_random; ++i)
    scores[i] = random_score(static_cast<uint64_t>(settings.seed), keys.salt, keys.positions[i]);
  return scores;
}

}  // namespace

std::vector<int64_t> keys_to_keep(const Settings &settings, const HeadKeys &keys) {
  const std::vector<float> score = ranking(settings, keys);
  std::vector<int64_t> kept, others;
  for (int64_t i = 0; i < std::ssize(keys.positions); ++i) {
    const int64_t position = keys.positions[i];
    const bool stays =
        position < settings.num_sink_tokens || position >= keys.next - settings.num_recent_tokens;
    (stays ? kept : others).push_back(i);
  }
  const auto free = std::clamp<int64_t>(settings.budget - std::ssize(kept), 0, std::ssize(others));
  std::nth_element(others.begin(), others.begin() + free, others.end(),
                   [&](int64_t a, int64_t b) { return score[a] != score[b] ? score[a] > score[b] : a > b; });
  kept.insert(kept.end(), others.begin(), others.begin() + free);
  std::sort(kept.begin(), kept.end());
  return kept;
}

float updated_score(const Settings &settings, float old, float mass, int64_t queries) {
  switch (settings.policy) {
    case Policy::h2o:
      return old + mass;
    case Policy::snapkv: {
      const float fresh = static_cast<float>(queries) / static_cast<float>(settings.observation);
      return old * (1.0f - std::min(1.0f, fresh)) + mass;
    }
    case Policy::tova:
      return mass;
    case Policy::window_random:
      break;
  }
  return old;
}

int64_t observed_queries(const Settings &settings, int64_t n) {
  switch (settings.policy) {
    case Policy::h2o:
      return n;
    case Policy::snapkv:
      return std::min(n, settings.observation);
    case Policy::tova:
      return std::min<int64_t>(n, 1);
    case Policy::window_random:
      break;
  }
  return 0;
}

}  // namespace kvern::evicting
