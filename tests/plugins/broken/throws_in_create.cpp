// Lets an exception out of create.
#include "tests/plugins/broken/broken.hpp"

static kvern_status create(const kvern_host *, const kvern_create *, kvern_cache **, kvern_error *) {
  throw std::runtime_error("bad table of codes");
}

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("throws_in_create");
  toy::plugin.create = create;
  return &toy::plugin;
}
