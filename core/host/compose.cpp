// "kvern.compose/1": the registry as plugins see it.
#include <kvern/abi/compose.h>
#include <kvern/plugin_registry.hpp>

#include <map>
#include <mutex>

#include "core/host/error_text.hpp"

namespace kvern {
namespace {

struct Composer {
  PluginPath configured;
  kvern_compose_1 table;
};

kvern_status as_status(const std::exception &failed, kvern_error *error) {
  return set_error(error, KVERN_INVALID_ARGUMENT, failed.what());
}

const kvern_plugin *find(void *ctx, const char *name, kvern_error *error) noexcept try {
  return find_plugin(name ? name : "", static_cast<const Composer *>(ctx)->configured).plugin;
} catch (const std::exception &failed) {
  as_status(failed, error);
  return nullptr;
}

kvern_status check(void *, const kvern_plugin *plugin, const kvern_option *const *options, uint32_t n_options,
                   kvern_error *error) noexcept try {
  check_options(*plugin, options, n_options, "");
  return KVERN_OK;
} catch (const std::exception &failed) {
  return as_status(failed, error);
}

}  // namespace

const void *compose_extension(const PluginPath &configured) {
  static std::mutex &mutex = *new std::mutex;
  static auto &composers = *new std::map<PluginPath, Composer>;
  const std::lock_guard lock(mutex);
  const auto [found, added] = composers.try_emplace(configured);
  Composer &composer = found->second;
  if (added) composer = {configured, {sizeof(kvern_compose_1), 0, &composer, find, check}};
  return &composer.table;
}

}  // namespace kvern
