// From a configuration and the layers of a model to a cache. Free of LibTorch.
#pragma once
#include <kvern/cache.hpp>
#include <kvern/plugin_registry.hpp>
#include <string>

namespace kvern::python {

/// run: the text of the configuration file `file`, or, where that is nullptr, arguments as JSON. request: JSON as bridge.h
/// describes it. Throws Error(config) and Error(plugin).
Cache open_cache(const std::string &run, const char *file, const std::string &request);

/// "a:b" as folders; empty parts are left out.
PluginPath split_folders(const char *folders);

}  // namespace kvern::python
