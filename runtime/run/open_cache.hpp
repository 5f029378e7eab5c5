// A cache for a model: a host that offers the model's extensions, and the plugin of that name.
#pragma once
#include <kvern/cache.hpp>
#include <kvern/model.hpp>
#include <kvern/plugin_registry.hpp>
#include <memory>
#include <optional>
#include <string>

namespace kvern {

struct CacheRequest {
  std::string implementation = "dynamic";  ///< the plugin's name, or a path to its library
  OptionTable options;                     ///< cache_config
  PluginPath plugin_path;
  std::optional<Dtype> dtype;  ///< of keys and values; none = that of the weights
  /// Bytes; 0: as much as the process may use, so that a cache too large is refused and not killed by the system.
  int64_t memory_budget = 0;
  int64_t host_memory_budget =
      0;  ///< bytes in the host's memory; on a CPU the smaller of both counts; 0: no limit
  int64_t max_rows = 0, max_tokens = 0;  ///< expected; 0 = unknown
  bool check_cache = false;              ///< check the cache while it works (check/checked_cache.hpp)
  int64_t max_cross = 0;                 ///< hidden states of an encoder, expected; 0 = unknown
};

/// The limit of the request's budgets on a CPU (runtime/host/cache_host.hpp).
HostOptions limits_of(const CacheRequest &request);

/// The model outlives the cache. A cache that does not hold a model's states or encoder's keys holds what it can, the plugin
/// `hybrid` gives the rest to others (compose_cache.hpp). Throws Error(plugin) or Error(config) for a plugin that is absent or
/// refused, an option it does not accept, or layers it cannot hold.
Cache open_cache(const Model &model, const CacheRequest &request);

}  // namespace kvern
