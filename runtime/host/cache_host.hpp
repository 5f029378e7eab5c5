// What every program gives the caches that it makes, whatever model they serve. Free of LibTorch.
#pragma once
#include <kvern/cache.hpp>
#include <kvern/plugin_registry.hpp>
#include <memory>

namespace kvern {

/// The limit of a host on a CPU, whose memory is all that there is: the smaller of both budgets in bytes (0: none), without
/// one as much as the process may use; and its name in messages.
HostOptions limits_of(int64_t memory_budget, int64_t host_memory_budget);

/// Offers what every cache gets: "kvern.attention/1", "kvern.compose/1", and "kvern.parallel/1" on a CPU, "kvern.device/1" on another
/// device.
void offer_common_extensions(Host &host, const PluginPath &plugin_path);

/// Cache::create; `checked`: of a cache that is checked while it works (check/checked_cache.hpp).
Cache create_cache(const std::shared_ptr<Host> &host, const kvern_plugin &plugin, const CacheSpec &spec,
                   bool checked);

}  // namespace kvern
