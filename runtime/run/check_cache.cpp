#include "runtime/run/check_cache.hpp"

#include "runtime/config/option_text.hpp"

namespace kvern {
namespace {

constexpr std::string_view kConfig = "_config", kName = "cache_implementation", kOptions = "cache_config";

const OptionTable *table_of(const Option *option) {
  return option == nullptr ? nullptr : std::get_if<OptionTable>(&option->value);
}

/// A cache named by `name`, with its options; errors of the name have its place.
void check_inner(const Option &name, const OptionTable *options, const PluginPath &path) {
  const auto *text = std::get_if<std::string>(&name.value);
  if (text == nullptr || text->empty()) return;  // the plugin's to refuse
  const std::string place = name.place.empty() ? "" : name.place + ": ";
  try {
    find_plugin(*text, path);
  } catch (const Error &e) {
    throw Error(e.kind(), place + e.what());
  }
  check_cache(*text, options == nullptr ? OptionTable{} : *options, path);
}

void check_entries(const OptionArray &entries, const PluginPath &path) {
  for (const Option &entry : entries) {
    const OptionTable *table = table_of(&entry);
    const Option *name = table == nullptr ? nullptr : config::find_option(*table, kName);
    if (name != nullptr) check_inner(*name, table_of(config::find_option(*table, kOptions)), path);
  }
}

}  // namespace

FoundPlugin check_cache(const std::string &name, const OptionTable &options, const PluginPath &path) {
  auto found = find_plugin(name, path);
  check_options(*found.plugin, options);
  const OptionTable defaults = from_abi(found.plugin->options, found.plugin->n_options);
  for (const auto &[key, option] : options) {
    if (const auto *entries = std::get_if<OptionArray>(&option.value)) check_entries(*entries, path);
    const std::string of = key + std::string(kConfig);
    if (config::find_option(defaults, of) != nullptr && config::find_option(options, of) == nullptr)
      check_inner(option, nullptr, path);
    if (!key.ends_with(kConfig)) continue;
    const std::string inner = key.substr(0, key.size() - kConfig.size());
    const Option *written = config::find_option(options, inner);
    const Option *cache = written != nullptr ? written : config::find_option(defaults, inner);
    if (cache != nullptr) check_inner(*cache, table_of(&option), path);
  }
  return found;
}

}  // namespace kvern
