// What can be learnt of a cache by trying it: which verbs it offers, how many bytes a token takes; and filling a cache to a
// depth without a model. All of it through the cache's own begin, update and end.
#pragma once
#include <functional>
#include <kvern/cache.hpp>
#include <kvern/generation.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/run/open_cache.hpp"

namespace kvern {

/// The optional verbs of an instance for one small attention layer; if it cannot be made, why.
struct Capabilities {
  std::vector<std::string> verbs;
  std::string problem;
};
Capabilities probe_capabilities(const kvern_plugin &plugin, const PluginPath &plugin_path);

/// Feeds keys and values of unit scale (normal, of a fixed seed) for positions up to `depth`, `chunk` at a time, behind those that
/// are held; recurrent states become zeros. Layers with an encoder's keys get `n_cross` in the first step.
void fill_cache(Cache &cache, int64_t rows, int64_t depth, int64_t chunk,
                const std::function<void(int64_t done, int64_t total)> &on_progress = {},
                int64_t n_cross = 0);

/// Bytes that the cache needs for each further token of a long sequence, over all layers, for one row. The cache must be
/// empty, and is so afterwards.
double bytes_per_token(Cache &cache);

/// The memory of one row, over all layers, where it does not grow any more with the text: what is allocated then, the most at the end of
/// a step of 128 tokens. None: it grows, as far as that was tried (4096 tokens, fewer where they would take more than `most_bytes`).
/// The cache must be empty, and is so afterwards.
std::optional<int64_t> bounded_bytes(Cache &cache, int64_t most_bytes);

}  // namespace kvern
