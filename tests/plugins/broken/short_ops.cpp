// Has a table of verbs that ends before update.
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("short_ops");
  toy::ops.struct_size = offsetof(kvern_cache_ops, update);
  return &toy::plugin;
}
