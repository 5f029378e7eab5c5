// Finds cache plugins by name, loads them once, checks them, and says why one is refused.
//
// The library of cache `x` is libkvern_x.so, looked for in this order: the folders given (the configuration's
// plugin_path), those of the environment variable KVERN_PLUGIN_PATH (separated by ':'), and the default folders:
// ../lib/kvern/plugins and lib/kvern/plugins beside the executable, unless the program that embeds kvern names others. A
// library is never unloaded. All functions may be called from any thread.
#pragma once
#include <kvern/abi/cache_abi.h>
#include <filesystem>
#include <kvern/error.hpp>
#include <kvern/options.hpp>
#include <string>
#include <vector>

namespace kvern {

using PluginPath = std::vector<std::filesystem::path>;

/// One library that was found: usable if `plugin` is set, else `refusal` says why not.
struct FoundPlugin {
  std::string name;  ///< by its file name
  std::filesystem::path path;
  const kvern_plugin *plugin = nullptr;
  std::string refusal;
};

/// The folders that are searched, in order, existing or not.
PluginPath plugin_search_path(const PluginPath &configured);

/// The plugin called `name`. `name` may also be a path to a library (it has a '/'), whose plugin may then
/// have any name that fits its file name. Throws Error(plugin): not found (with the paths searched and the
/// nearest name installed), not a plugin, another name, an ABI that is too new or too old, another build, a
/// library that cannot be loaded.
FoundPlugin find_plugin(const std::string &name, const PluginPath &configured);

/// Every library libkvern_*.so on the search path, the first of each name, sorted by name.
std::vector<FoundPlugin> list_plugins(const PluginPath &configured);

/// The default folders from now on, in place of those beside the executable: of a program that embeds kvern as a library.
void set_default_plugin_folders(const PluginPath &folders);

/// The `build` string that a plugin which uses LibTorch must have; "": no such plugin is accepted.
std::string host_build();

/// The build string from now on, in place of that of the LibTorch that kvern is built with: of a program that embeds kvern in a
/// process that has a LibTorch of its own, or none ("").
void set_host_build(const std::string &build);

/// Checks that every option is one that the plugin accepts, with the right type (an INT where a FLOAT is
/// wanted is converted by the plugin's reader). Throws Error(config) naming the key and the nearest accepted
/// one; `place` says where the options come from.
void check_options(const kvern_plugin &plugin, const kvern_option *const *options, uint32_t n_options,
                   const std::string &place);

/// The same for the user's options, each with the place that it was read from. All unknown keys are named at once.
void check_options(const kvern_plugin &plugin, const OptionTable &options);

/// Loads the table behind an entry function that is linked in, with the checks of find_plugin. For tests.
const kvern_plugin *check_plugin(kvern_entry_fn entry, const std::string &name, const std::string &origin);

/// The table of "kvern.compose/1" that finds plugins with this search path; it lives for ever.
const void *compose_extension(const PluginPath &configured);

}  // namespace kvern
