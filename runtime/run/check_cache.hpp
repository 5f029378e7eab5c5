// What can be known of a cache before a model is opened, its inner caches included.
#pragma once
#include <kvern/plugin_registry.hpp>
#include <string>

namespace kvern {

/// The plugin is there and accepts the options; so do the plugins that these name: X beside a table X_config, and tables with
/// cache_implementation and cache_config in a list. Throws Error(plugin) or Error(config) with the option's place.
FoundPlugin check_cache(const std::string &name, const OptionTable &options, const PluginPath &plugin_path);

}  // namespace kvern
