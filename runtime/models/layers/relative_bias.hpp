// Relative position bias (Raffel et al. 2020, T5): a learned number per head and distance between query and key, distances in
// buckets that grow with the logarithm.
#pragma once
#include <kvern/step.hpp>
#include <vector>

#include "runtime/models/weight.hpp"

namespace kvern::models {

struct RelativeBiasConfig {
  int64_t buckets = 32, max_distance = 128;
  bool bidirectional = false;  ///< encoders: keys after the query have buckets of their own
};

/// The bucket of a key at `distance` = key position - query position.
int64_t relative_bucket(int64_t distance, const RelativeBiasConfig &config);

/// Immutable once made.
class RelativeBias {
 public:
  /// table [buckets, heads]
  RelativeBias(const Weight &table, const RelativeBiasConfig &config);

  /// Of every query and key, in memory of the caller's; rows that are alike are computed once.
  BiasView operator()(const BiasPositions &positions, std::vector<float> &memory) const;

 private:
  float at(int64_t head, int64_t distance) const;

  int64_t heads_, reach_;     // distances beyond the reach have the bias of the reach
  std::vector<float> table_;  // [heads, 2 * reach + 1], by distance
};

}  // namespace kvern::models
