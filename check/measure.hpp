// How long the verbs of a cache take, and how many bytes a token has: one thread, shapes of a small model. The host's own attention and
// rotation take no time.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "check/probe.hpp"

namespace kvern::conformance {

struct MeasureShape {
  int layers = 30;
  int q_heads = 9, kv_heads = 3, head_dim = 64;
  int64_t prompt = 512, steps = 64;
};

struct Measured {
  /// Median nanoseconds of a call in a decode step behind the prompt, by verb; verbs that the cache does not offer are missing.
  std::vector<std::pair<std::string, double>> ns;
  double step_ns = 0;          ///< of all calls of a decode step
  double bytes_per_token = 0;  ///< of all layers, bytes_used where the cache reports it
};

/// Throws Violation if the cache refuses these layers, or a call fails.
Measured measure(const kvern_plugin &plugin, const SubjectOptions &options, const MeasureShape &shape = {});

}  // namespace kvern::conformance
