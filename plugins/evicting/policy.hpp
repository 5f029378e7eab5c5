// Which keys of a head stay when its budget is exceeded.
//   h2o     Zhang et al. 2023, H2O: Heavy-Hitter Oracle for Efficient Generative Inference: most attention mass, summed over all
//           queries so far
//   snapkv  Li et al. 2024, SnapKV: LLM Knows What You are Looking for Before Generation: most mass from the last queries,
//           averaged over neighbouring keys
//   tova    Oren et al. 2024, Transformers are Multi-State RNNs: most mass from the last query, averaged over heads
//   window+random   the control: recent keys, and a random choice of the others
#pragma once
#include <span>

#include "plugins/evicting/settings.hpp"

namespace kvern::evicting {

/// Keys of one head in order of their positions.
struct HeadKeys {
  std::span<const int64_t> positions;
  std::span<const float> scores;  ///< as many
  int64_t next = 0;               ///< position of the row's next token
  uint64_t salt = 0;              ///< window+random: of the head
};

/// Ascending indices of the `budget` keys that stay, of more than that.
std::vector<int64_t> keys_to_keep(const Settings &settings, const HeadKeys &keys);

/// The score of a key after a step: `old` before it, `mass` from `queries` observed queries.
float updated_score(const Settings &settings, float old, float mass, int64_t queries);

/// Of a step's n queries the last ones whose attention counts.
int64_t observed_queries(const Settings &settings, int64_t n);

}  // namespace kvern::evicting
