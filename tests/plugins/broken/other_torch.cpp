// Was built with another LibTorch.
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("other_torch");
  toy::plugin.build = "torch=2.10.0;cxx11abi=1";
  return &toy::plugin;
}
