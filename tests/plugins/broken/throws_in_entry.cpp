// Throws where a table is wanted.
#include "tests/plugins/broken/broken.hpp"

KVERN_BROKEN_ENTRY(const kvern_host *) { throw std::runtime_error("no licence"); }
