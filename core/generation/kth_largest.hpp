// The k-th largest of many scores in one pass, for filters that keep the best ones.
#pragma once
#include <cstdint>

namespace kvern {

/// Of `n` scores, 1 <= k <= n; equal ones count each. NaN counts as less than everything. No order of magnitude is assumed: it takes
/// about as long as reading the scores where they are in no order, and O(n log k) at worst.
float kth_largest(const float *scores, int64_t n, int64_t k);

}  // namespace kvern
