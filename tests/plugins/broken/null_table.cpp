// Has no table.
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) { return nullptr; }
