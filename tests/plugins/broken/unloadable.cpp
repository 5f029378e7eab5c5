// May be unloaded: linked without -z nodelete.
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("unloadable");
  return &toy::plugin;
}
