// Every cache plugin that is built, for a small model.
#pragma once
#include <kvern/plugin_registry.hpp>

#include "runtime/run/open_cache.hpp"
#include "tests/support/process.hpp"

namespace kvern::testing {

inline CacheRequest request_of(const std::string &name, int64_t max_tokens, int64_t budget = 0) {
  CacheRequest request;
  request.implementation = name;
  request.plugin_path = {test::program("../lib/kvern/plugins")};
  request.memory_budget = budget;
  request.max_rows = 4;
  request.max_tokens = max_tokens;
  return request;
}

/// Names of the plugins that take the model's layers.
inline std::vector<std::string> caches_for(const Model &model, int64_t max_tokens) {
  std::vector<std::string> names;
  for (const FoundPlugin &plugin : list_plugins({test::program("../lib/kvern/plugins")})) {
    if (plugin.plugin == nullptr) throw Error(ErrorKind::plugin, plugin.refusal);
    try {
      open_cache(model, request_of(plugin.name, max_tokens));
      names.push_back(plugin.name);
    } catch (const CacheError &e) {
      if (e.status() != KVERN_UNSUPPORTED) throw;
    }
  }
  return names;
}

}  // namespace kvern::testing
