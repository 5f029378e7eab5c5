// Brings a C++ runtime of its own (-static-libstdc++).
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("own_runtime");
  return &toy::plugin;
}
