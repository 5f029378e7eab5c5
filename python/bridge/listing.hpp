// The plugins that are found, as JSON.
#pragma once
#include <kvern/plugin_registry.hpp>
#include <string>

namespace kvern::python {

/// {"caches": [...]} as bridge.h describes it. A plugin that is refused has "error" in place of what it says of itself.
std::string listing(const PluginPath &folders);

}  // namespace kvern::python
