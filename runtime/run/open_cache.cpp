#include "runtime/run/open_cache.hpp"

#include <mutex>
#include <set>

#include "runtime/host/cache_host.hpp"
#include "runtime/run/compose_cache.hpp"

namespace kvern {

namespace {

/// Once for each line, to a log of the level "info".
void log_once(const Host &host, const std::string &line) {
  static std::mutex &mutex = *new std::mutex;
  static auto &said = *new std::set<std::string>;
  const std::lock_guard lock(mutex);
  if (said.insert(line).second) host.table()->log(host.table()->ctx, KVERN_LOG_INFO, line.c_str());
}

}  // namespace

HostOptions limits_of(const CacheRequest &request) {
  return limits_of(request.memory_budget, request.host_memory_budget);
}

Cache open_cache(const Model &model, const CacheRequest &request) {
  const auto found = find_plugin(request.implementation, request.plugin_path);
  HostOptions limits = limits_of(request);
  limits.queue = &model.queue();
  auto host = std::make_shared<Host>(limits);
  offer_common_extensions(*host, request.plugin_path);
  model.offer_extensions(*host);

  CacheSpec spec;
  spec.layers = model.layers();
  spec.dtype = request.dtype.value_or(model.info().dtype);
  spec.max_rows = request.max_rows;
  spec.max_tokens = request.max_tokens;
  spec.max_cross = request.max_cross;
  spec.options = request.options;
  const auto create = [&](const kvern_plugin &plugin, const CacheSpec &part) {
    return create_cache(host, plugin, part, request.check_cache);
  };
  try {
    return create(*found.plugin, spec);
  } catch (const CacheError &e) {
    if (e.status() != KVERN_UNSUPPORTED) throw;
    const auto attempt = [&](const CacheSpec &part) { create(*found.plugin, part); };
    const auto composed = compose_cache(request.implementation, spec, attempt);
    if (!composed) throw;
    log_once(*host, composed->explanation);
    spec.options = composed->options;
    const auto composite = find_plugin(composed->implementation, request.plugin_path);
    return create(*composite.plugin, spec);
  }
}

}  // namespace kvern
