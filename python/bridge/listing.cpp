#include "python/bridge/listing.hpp"

#include "runtime/config/option_text.hpp"

namespace kvern::python {
namespace {

Option entry(const FoundPlugin &found) {
  OptionTable row{{"name", {found.name, ""}}, {"path", {found.path.string(), ""}}};
  if (!found.plugin) {
    row.emplace_back("error", Option{found.refusal, ""});
    return {row, ""};
  }
  const kvern_plugin &plugin = *found.plugin;
  row.emplace_back("version", Option{std::string(plugin.version), ""});
  row.emplace_back("summary", Option{std::string(plugin.summary), ""});
  row.emplace_back("build", Option{std::string(plugin.build), ""});
  row.emplace_back("options", Option{from_abi(plugin.options, plugin.n_options), ""});
  return {row, ""};
}

}  // namespace

std::string listing(const PluginPath &folders) {
  OptionArray caches;
  for (const FoundPlugin &found : list_plugins(folders)) caches.push_back(entry(found));
  return config::to_json({{"caches", {caches, ""}}});
}

}  // namespace kvern::python
