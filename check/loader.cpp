// Plugins from the build folder by name, and the compose extension over them.
#include <dlfcn.h>
#include <kvern/abi/compose.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "check/harness.hpp"

namespace kvern::conformance {
namespace {

const kvern_plugin *compose_find(void *, const char *name, kvern_error *error) {
  try {
    return built_plugin(name);
  } catch (const Violation &violation) {
    std::strncpy(error->message, violation.what(), sizeof error->message - 1);
    return nullptr;
  }
}

kvern_status compose_check(void *, const kvern_plugin *plugin, const kvern_option *const *options, uint32_t n,
                           kvern_error *) {
  for (uint32_t i = 0; i < n; ++i) {
    bool known = false;
    for (uint32_t j = 0; j < plugin->n_options; ++j)
      known |= !std::strcmp(options[i]->key, plugin->options[j]->key);
    if (!known) return KVERN_INVALID_ARGUMENT;
  }
  return KVERN_OK;
}

}  // namespace

namespace {

void *open_library(const std::string &path) {
  const RunningVerb running("dlopen");
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) violated(std::string("the library cannot be loaded: ") + dlerror());
  return library;
}

}  // namespace

void check_loads(const std::string &path) { open_library(path); }

const kvern_plugin *load_plugin(const std::string &path) {
  void *library = open_library(path);
  auto entry = reinterpret_cast<kvern_entry_fn>(dlsym(library, KVERN_ENTRY_NAME));
  if (!entry) violated(path + " does not export " KVERN_ENTRY_NAME);
  static TestHost &host = *new TestHost;
  const kvern_plugin *plugin = watched_entry(entry, host.table());
  if (!plugin) violated(path + ": " KVERN_ENTRY_NAME " returns no table");
  return plugin;
}

std::string built_library(const std::string &name) {
  const char *build = std::getenv("KVERN_BUILD_DIR");
  if (!build) violated("KVERN_BUILD_DIR is not set: run this through ctest");
  for (const char *folder :
       {"plugins", "test_plugins/proof", "test_plugins/compat", "test_plugins/examples"}) {
    std::string path = std::string(build) + "/lib/kvern/" + folder + "/libkvern_" + name + ".so";
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  violated("no plugin '" + name + "' in " + build);
}

const kvern_plugin *built_plugin(const std::string &name) { return load_plugin(built_library(name)); }

const void *compose_extension(const void *of_host) {
  static const void *given = nullptr;
  if (of_host) given = of_host;
  if (given) return given;
  static const kvern_compose_1 table{sizeof(kvern_compose_1), 0, nullptr, compose_find, compose_check};
  return &table;
}

}  // namespace kvern::conformance
