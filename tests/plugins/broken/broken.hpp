// What the broken plugins share: the honest toy, and the entry function around one change to its tables.
#pragma once
#include <stdexcept>

#include "core/host/testing/toy_cache.hpp"

#define KVERN_BROKEN_ENTRY \
  extern "C" __attribute__((visibility("default"))) const kvern_plugin *kvern_plugin_entry
