// The checks of a plugin's table, in the order in which a later one may rely on an earlier one.
#include "core/host/plugin_checks.hpp"

#include <kvern/host.hpp>
#include <kvern/plugin_registry.hpp>

#include <set>

#include "core/host/build_string.hpp"
#include "core/host/running_verb.hpp"

namespace kvern {
namespace {

// What version 1.0 has of these structs; a later host may know more.
constexpr size_t kVersionSize = offsetof(kvern_plugin, n_options);
constexpr size_t kPluginSize = offsetof(kvern_plugin, create) + sizeof(kvern_plugin::create);
constexpr size_t kOptionSize = offsetof(kvern_option, reserved) + sizeof(kvern_option::reserved);

[[noreturn]] void refuse(const std::string &origin, const std::string &why) {
  throw Error(ErrorKind::plugin, origin + ": " + why);
}

std::string version_text(uint32_t major, uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

void check_version(const kvern_plugin &plugin, const std::string &origin) {
  if (plugin.struct_size < kVersionSize)
    refuse(origin, "its table has struct_size " + std::to_string(plugin.struct_size) +
                       ", too small to hold a version: set struct_size = sizeof(kvern_plugin)");
  if (plugin.abi_major != KVERN_ABI_MAJOR) {
    const bool newer = plugin.abi_major > KVERN_ABI_MAJOR;
    refuse(origin,
           "it has version " + version_text(plugin.abi_major, plugin.abi_minor) +
               " of the cache ABI, this host has " + version_text(KVERN_ABI_MAJOR, KVERN_ABI_MINOR) +
               (newer ? ": the plugin is too new, use a newer kvern or build it against this kvern's SDK"
                      : ": the plugin is too old, build it again against this kvern's SDK"));
  }
  if (plugin.struct_size < kPluginSize)
    refuse(origin, "its table has struct_size " + std::to_string(plugin.struct_size) + ", version " +
                       version_text(plugin.abi_major, plugin.abi_minor) + " has at least " +
                       std::to_string(kPluginSize) + ": set struct_size = sizeof(kvern_plugin)");
}

void check_name(const kvern_plugin &plugin, const std::string &name, const std::string &origin) {
  if (!plugin.name) refuse(origin, "its name is NULL; it must be '" + name + "', as the file is called");
  if (plugin.name != name)
    refuse(origin, "the plugin calls itself '" + std::string(plugin.name) + "', its file '" + name +
                       "': name the file libkvern_" + plugin.name + ".so");
}

void check_strings(const kvern_plugin &plugin, const std::string &origin) {
  const std::pair<const char *, const char *> required[] = {
      {"version", plugin.version}, {"summary", plugin.summary}, {"build", plugin.build}};
  for (const auto &[field, value] : required)
    if (!value)
      refuse(origin, std::string("its ") + field + " is NULL; a string is required (it may be empty)");
}

constexpr int kMaxDepth = 32;  // of tables and arrays in a default, as of a configuration

/// "" for a well-formed value, else what is wrong with it.
std::string value_problem(const kvern_option &option, int depth) {
  if (option.type < KVERN_BOOL || option.type > KVERN_ARRAY)
    return "has the unknown type " + std::to_string(option.type);
  if (option.type == KVERN_STRING && !option.s) return "is a string with a default of NULL";
  if (option.n_items > 0 && !option.items) return "has items that are NULL";
  if (option.type != KVERN_TABLE && option.type != KVERN_ARRAY) return "";
  if (depth == kMaxDepth) return "is nested more than " + std::to_string(kMaxDepth) + " deep";
  for (uint32_t i = 0; i < option.n_items; ++i) {
    const kvern_option *item = option.items[i];
    const std::string name = "has an item " + std::to_string(i) + " that ";
    if (!item) return name + "is NULL";
    if (item->struct_size < kOptionSize) return name + "has struct_size " + std::to_string(item->struct_size);
    const std::string wrong = value_problem(*item, depth + 1);
    if (!wrong.empty()) return name + wrong;
  }
  return "";
}

/// "" for a well-formed option, else what is wrong with it.
std::string option_problem(const kvern_option *option, std::set<std::string> &keys) {
  if (!option) return "is NULL";
  if (option->struct_size < kOptionSize)
    return "has struct_size " + std::to_string(option->struct_size) + ", not at least " +
           std::to_string(kOptionSize);
  if (!option->key || !*option->key) return "has no key";
  const std::string name = std::string("('") + option->key + "') ", wrong = value_problem(*option, 0);
  if (!wrong.empty()) return name + wrong;
  if (!keys.insert(option->key).second) return name + "is there twice";
  return "";
}

void check_option_list(const kvern_plugin &plugin, const std::string &origin) {
  if (plugin.n_options > 0 && !plugin.options)
    refuse(origin, "it has " + std::to_string(plugin.n_options) + " options, but the list of them is NULL");
  std::set<std::string> keys;
  for (uint32_t i = 0; i < plugin.n_options; ++i) {
    const std::string wrong = option_problem(plugin.options[i], keys);
    if (!wrong.empty()) refuse(origin, "its option " + std::to_string(i) + " " + wrong);
  }
}

/// The host that an entry function gets: for its log, which is all it may use.
Host &entry_host() {
  static Host &host = *new Host;
  return host;
}

}  // namespace

const kvern_plugin *call_entry(kvern_entry_fn entry, const std::string &origin) {
  const kvern_plugin *plugin = nullptr;
  const VerbScope running(origin.c_str(), KVERN_ENTRY_NAME);
  try {
    plugin = entry(entry_host().table());
  } catch (const std::exception &thrown) {
    refuse(origin, std::string(KVERN_ENTRY_NAME) + " threw an exception across the border: " + thrown.what());
  } catch (...) {
    refuse(origin, std::string(KVERN_ENTRY_NAME) + " threw an exception across the border");
  }
  if (!plugin)
    refuse(origin, std::string(KVERN_ENTRY_NAME) +
                       " returned NULL; it must return the plugin's table, also for a "
                       "host of another version");
  return plugin;
}

void check_table(const kvern_plugin &plugin, const std::string &name, const std::string &origin) {
  check_version(plugin, origin);
  check_name(plugin, name, origin);
  check_strings(plugin, origin);
  check_option_list(plugin, origin);
  if (!plugin.create) refuse(origin, "its create is NULL; a plugin must be able to create a cache");
  const std::string difference = build_difference(plugin.build, host_build());
  if (!difference.empty())
    refuse(origin, "it was built with " + difference + ": build it again against the host's LibTorch");
}

const kvern_plugin *check_plugin(kvern_entry_fn entry, const std::string &name, const std::string &origin) {
  const kvern_plugin *plugin = call_entry(entry, origin);
  check_table(*plugin, name, origin);
  return plugin;
}

}  // namespace kvern
