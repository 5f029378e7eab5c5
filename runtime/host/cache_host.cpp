#include "runtime/host/cache_host.hpp"

#include <kvern/abi/attention.h>
#include <kvern/abi/compose.h>
#include <kvern/abi/device.h>
#include <kvern/abi/parallel.h>

#include "check/checked_cache.hpp"
#include "core/attention/attention_extension.hpp"
#include "core/attention/parallel_extension.hpp"
#include "core/support/memory.hpp"

namespace kvern {

HostOptions limits_of(int64_t memory_budget, int64_t host_memory_budget) {
  HostOptions options;
  options.memory_budget = memory_budget;
  if (host_memory_budget > 0 && (memory_budget == 0 || host_memory_budget < memory_budget)) {
    options.memory_budget = host_memory_budget;
    options.budget_name = "host memory budget";
  }
  if (options.memory_budget == 0) {
    options.memory_budget = usable_memory();
    options.budget_name = "usable memory";
  }
  return options;
}

void offer_common_extensions(Host &host, const PluginPath &plugin_path) {
  host.offer(KVERN_ATTENTION_1, attention_extension(host.queue()));
  if (const kvern_device_1 *mover = host.queue().mover())
    host.offer(KVERN_DEVICE_1, mover);
  else
    host.offer(KVERN_PARALLEL_1, parallel_extension());
  host.offer(KVERN_COMPOSE_1, compose_extension(plugin_path));
}

Cache create_cache(const std::shared_ptr<Host> &host, const kvern_plugin &plugin, const CacheSpec &spec,
                   bool checked) {
  return Cache::create(host, plugin, spec, checked ? conformance::checked_cache : WrapCache());
}

}  // namespace kvern
