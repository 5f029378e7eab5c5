// Was written before version 1.0, when the table was smaller.
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("too_old");
  toy::plugin.abi_major = 0;
  toy::plugin.abi_minor = 9;
  toy::plugin.struct_size = offsetof(kvern_plugin, options);
  return &toy::plugin;
}
