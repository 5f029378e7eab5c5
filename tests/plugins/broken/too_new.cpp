// Speaks of a major version that does not exist yet.
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("too_new");
  toy::plugin.abi_major = 2;
  toy::plugin.abi_minor = 3;
  return &toy::plugin;
}
