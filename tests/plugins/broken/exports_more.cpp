// Exports a function besides its entry, as a library does that is linked without the list of exports.
#include "tests/plugins/broken/broken.hpp"

extern "C" __attribute__((visibility("default"))) int kvern_helper() { return 1; }

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("exports_more");
  return &toy::plugin;
}
