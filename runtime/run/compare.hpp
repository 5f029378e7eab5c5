// Compares caches on one model and one text: each reads the same windows in small steps, in lockstep, so that no more
// than a step's logits are kept. A text fed in one piece would be scored with keys that are still exact; here nearly
// every token is predicted from what the cache has kept.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/run/open_cache.hpp"
#include "runtime/run/score_summary.hpp"
#include "runtime/run/text_windows.hpp"

namespace kvern {

struct CompareOptions {
  int64_t chunk = 8;   ///< tokens per forward pass
  int64_t scored = 0;  ///< last tokens of a window that are scored; 0: all
  std::function<void(int64_t done, int64_t total)> on_progress;  ///< tokens of the text
};

/// What one cache did over all windows.
struct CacheScore {
  int64_t chunk = 0;          ///< tokens per forward pass
  Estimate perplexity;        ///< of the text
  Estimate perplexity_ratio;  ///< to the reference's, window by window
  Estimate kl;                ///< KL(reference || this), nats per token
  double kl_p99 = 0, kl_max = 0;
  double kl_worst_window = 0;             ///< the largest mean of a window
  std::array<double, 4> kl_by_quarter{};  ///< means over the first to the last quarter of the windows
  double max_logit_difference = 0;        ///< from the reference's logits, over all tokens and the vocabulary
  Estimate agreement;                     ///< share of tokens where the argmax is the reference's
  double ms_per_token = 0;                ///< of forward passes alone
  double bytes_per_token = 0;  ///< what a window's tokens need at its end, scales and tables included
  double bytes_held = 0;       ///< memory held then, over-allocation included
  double bits = 0;             ///< bytes_per_token over the elements of a token's keys and values
};

struct Comparison {
  int64_t windows = 0, scored_tokens = 0;
  CacheScore reference;
  CacheScore noise;  ///< the reference again, two chunks at a time: what rounding alone does
  std::vector<CacheScore> caches;
};

/// The windows are of one length, 5 or more; max_rows and max_tokens of the requests follow from them. Throws what opening and feeding a cache throws, and Error(plugin) for logits
/// that are not finite.
Comparison compare(const Model &model, const CacheRequest &reference, const std::vector<CacheRequest> &caches,
                   const std::vector<Ids> &windows, const CompareOptions &options);

}  // namespace kvern
