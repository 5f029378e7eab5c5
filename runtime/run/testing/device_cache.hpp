// A cache on a simulated device that a CPU's runtime drives: keys travel to the device when they are stored, and back when they are
// exported; memory and its budgets are the device's.
#pragma once
#include <kvern/cache.hpp>
#include <memory>

#include "check/rules.hpp"

namespace kvern::testing {

/// The plugin of this name on the device of `host`, for Cache::create. Both live as long as the caches, one host at a time.
const kvern_plugin &on_device(const std::string &plugin, conformance::FullHost &host);

}  // namespace kvern::testing
