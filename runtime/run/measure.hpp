// Measurements of one model with one cache: time per decoded token at a depth, and prefill speed.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/run/session.hpp"

namespace kvern {

struct DecodeTimings {
  int64_t depth = 0, rows = 1;
  std::vector<double> steps_ms;                   ///< of each counted token (of all rows at once), in order
  std::vector<double> cpu_ms;                     ///< processor time of the process in each of these steps
  int64_t cache_bytes = 0, cache_bytes_used = 0;  ///< at the end
};

struct PrefillTimings {
  int64_t tokens = 0;
  double best_per_second = 0, median_per_second = 0;
  double cpu_ms = 0;  ///< processor time of the process, median
};

/// How the cache gets to the depth.
enum class Fill { random, prefill };

using OnProgress = std::function<void(int64_t done, int64_t total)>;

struct DecodeRequest {
  int64_t rows = 1, depth = 0, tokens = 16;
  Fill fill = Fill::random;
};

/// Fills a fresh cache of each session to the depth, its rows with different contents, decodes two tokens of each row that are not
/// counted, then `tokens` that are. The sessions take turns, step by step, so that what else the machine does meets all alike. Timings
/// in the order of the sessions.
std::vector<DecodeTimings> measure_decode(const std::vector<const Session *> &runs,
                                          const DecodeRequest &request, const OnProgress &on_progress = {});

/// Feeds `tokens` tokens to an empty cache in one forward pass, `repeats` times after a short prompt that is not counted.
PrefillTimings measure_prefill(const Session &run, int64_t tokens, int64_t repeats);

double median(std::vector<double> values);

/// The processor's name.
std::string processor_name();

}  // namespace kvern
