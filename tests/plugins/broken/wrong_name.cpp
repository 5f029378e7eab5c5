// Is not called what its file is called.
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("other_name");
  return &toy::plugin;
}
