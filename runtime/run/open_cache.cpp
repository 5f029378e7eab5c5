#include "runtime/run/open_cache.hpp"

#include <kvern/abi/attention.h>
#include <kvern/abi/compose.h>
#include <kvern/abi/parallel.h>

#include "core/attention/attention_extension.hpp"
#include "core/attention/parallel_extension.hpp"

namespace kvern {

void offer_common_extensions(Host &host, const PluginPath &plugin_path) {
  host.offer(KVERN_ATTENTION_1, attention_extension());
  host.offer(KVERN_PARALLEL_1, parallel_extension());
  host.offer(KVERN_COMPOSE_1, compose_extension(plugin_path));
}

Cache open_cache(const Model &model, const CacheRequest &request) {
  const auto found = find_plugin(request.implementation, request.plugin_path);
  HostOptions host_options;
  host_options.memory_budget = request.memory_budget;
  auto host = std::make_shared<Host>(host_options);
  offer_common_extensions(*host, request.plugin_path);
  model.offer_extensions(*host);

  CacheSpec spec;
  spec.layers = model.layers();
  spec.dtype = request.dtype.value_or(model.info().dtype);
  spec.max_rows = request.max_rows;
  spec.max_tokens = request.max_tokens;
  spec.options = request.options;
  return Cache::create(std::move(host), *found.plugin, spec);
}

}  // namespace kvern
