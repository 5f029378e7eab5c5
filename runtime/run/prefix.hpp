// The beginning that the prompts of several runs share: computed once, kept on disk, and read by later runs.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "runtime/run/prefix_store.hpp"
#include "runtime/run/session.hpp"

namespace kvern {

/// Ids of the configured prefix ([prefix]); empty: none is configured. Throws Error(input) for a file that cannot be read, a model
/// without a tokenizer or with an encoder, an empty prefix.
std::vector<int64_t> prefix_ids(const Session &run);

/// Where prefixes are kept: `prefix.folder`, else default_prefix_folder().
std::filesystem::path prefix_folder(const config::RunConfig &run);

/// What the cache of a prefix depends on: the model's files, the dtypes, the cache with its options, how the prompt is fed, the
/// processor's instruction set, the ids.
PrefixKey prefix_key(const Session &run, const Cache &cache, const std::vector<int64_t> &ids);

struct PrefixUse {
  int64_t tokens = 0;
  bool restored = false;  ///< read from disk; else computed
  int64_t bytes = 0;      ///< of the file; 0: it is not kept
  double seconds = 0;     ///< that reading it, or computing it, took
  std::string file;       ///< empty: it is not kept
};

/// Fills a cache that Session::open_cache has made with the prefix: from disk, or by computing it, after which it is kept there. What
/// cannot be read or kept is a warning on standard error.
PrefixUse fill_prefix(const Session &run, Cache &cache, const std::vector<int64_t> &ids,
                      const GenerationEvents &events = {});

}  // namespace kvern
