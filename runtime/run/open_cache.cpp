#include "runtime/run/open_cache.hpp"

#include <kvern/abi/attention.h>
#include <kvern/abi/compose.h>
#include <kvern/abi/parallel.h>

#include <mutex>
#include <set>

#include "check/checked_cache.hpp"
#include "core/attention/attention_extension.hpp"
#include "core/attention/parallel_extension.hpp"
#include "core/support/memory.hpp"
#include "runtime/run/compose_cache.hpp"

namespace kvern {

void offer_common_extensions(Host &host, const PluginPath &plugin_path) {
  host.offer(KVERN_ATTENTION_1, attention_extension());
  host.offer(KVERN_PARALLEL_1, parallel_extension());
  host.offer(KVERN_COMPOSE_1, compose_extension(plugin_path));
}

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
  HostOptions options;
  options.memory_budget = request.memory_budget;
  const int64_t of_host = request.host_memory_budget;
  if (of_host > 0 && (request.memory_budget == 0 || of_host < request.memory_budget)) {
    options.memory_budget = of_host;
    options.budget_name = "host memory budget";
  }
  if (options.memory_budget == 0) {
    options.memory_budget = usable_memory();
    options.budget_name = "usable memory";
  }
  return options;
}

Cache open_cache(const Model &model, const CacheRequest &request) {
  const auto found = find_plugin(request.implementation, request.plugin_path);
  auto host = std::make_shared<Host>(limits_of(request));
  offer_common_extensions(*host, request.plugin_path);
  model.offer_extensions(*host);

  CacheSpec spec;
  spec.layers = model.layers();
  spec.dtype = request.dtype.value_or(model.info().dtype);
  spec.max_rows = request.max_rows;
  spec.max_tokens = request.max_tokens;
  spec.max_cross = request.max_cross;
  spec.options = request.options;
  const WrapCache wrap = request.check_cache ? conformance::checked_cache : WrapCache();
  const auto create = [&](const kvern_plugin &plugin, const CacheSpec &part) {
    return Cache::create(host, plugin, part, wrap);
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
