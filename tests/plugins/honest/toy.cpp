// The toy cache as a library that keeps the contract.
#include "core/host/testing/toy_cache.hpp"

extern "C" __attribute__((visibility("default"))) const kvern_plugin *kvern_plugin_entry(const kvern_host *) {
  toy::restore("toy");
  return &toy::plugin;
}
