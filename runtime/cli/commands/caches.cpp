// kvern caches: the plugins that are found, or one of them explained.
#include <nlohmann/json.hpp>
#include <sstream>

#include "runtime/cli/command.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/cli/table.hpp"
#include "runtime/run/probe.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kUsage =
    "usage: kvern caches [NAME] [options]\n\n"
    "Lists the cache plugins that are installed: name, version, what it offers beside the required verbs, "
    "where it\n"
    "is. With a NAME explains one, with its options (cache_config) and their defaults.\n\n";

po::options_description options() {
  po::options_description o("options", 110);
  o.add_options()("plugin-path", po::value<std::vector<std::string>>()->value_name("DIR"),
                  "look for plugins here first")("help", "print this");
  return o;
}

std::string joined(const std::vector<std::string> &words) {
  std::string text;
  for (const auto &word : words) text += (text.empty() ? "" : " ") + word;
  return text.empty() ? "nothing more" : text;
}

std::string offered(const kvern_plugin &plugin, const PluginPath &path) {
  const auto offer = probe_capabilities(plugin, path);
  return offer.problem.empty() ? joined(offer.verbs) : "cannot be tried: " + offer.problem;
}

std::string list(const PluginPath &path) {
  const auto found = list_plugins(path);
  std::string text, refused;
  std::vector<std::vector<std::string>> rows{{"name", "version", "offers", "path"}};
  for (const auto &f : found) {
    if (f.plugin)
      rows.push_back({f.name, f.plugin->version, offered(*f.plugin, path), f.path.string()});
    else
      refused += "refused: " + f.refusal + "\n";
  }
  if (rows.size() > 1) text = table(rows);
  if (found.empty()) {
    text = "no cache plugin found; searched:\n";
    for (const auto &folder : plugin_search_path(path)) text += "  " + folder.string() + "\n";
  }
  return text + refused;
}

const char *type_name(int32_t type) {
  constexpr const char *names[] = {"bool", "integer", "number", "string", "table", "array"};
  return type >= 0 && type <= KVERN_ARRAY ? names[type] : "?";
}

std::string default_text(const kvern_option &o) {
  switch (o.type) {
    case KVERN_BOOL:
      return o.i ? "true" : "false";
    case KVERN_INT:
      return std::to_string(o.i);
    case KVERN_FLOAT:
      return nlohmann::json(o.f).dump();
    case KVERN_STRING:
      return nlohmann::json(o.s ? o.s : "").dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    default:
      return o.n_items ? "..." : (o.type == KVERN_TABLE ? "{}" : "[]");
  }
}

std::string explain(const std::string &name, const PluginPath &path) {
  const auto found = find_plugin(name, path);
  const auto &p = *found.plugin;
  std::ostringstream text;
  text << p.name << ' ' << p.version << ": " << p.summary << "\n\n";
  text << "library  " << found.path.string() << "\n";
  text << "abi      " << p.abi_major << '.' << p.abi_minor
       << (*p.build ? std::string(", built for ") + p.build : "") << "\n";
  text << "offers   " << offered(p, path) << "\n";
  if (p.n_options == 0) {
    text << "options  none\n";
    return text.str();
  }
  std::vector<std::vector<std::string>> rows{{"option (cache_config)", "type", "default"}};
  for (uint32_t i = 0; i < p.n_options; ++i)
    rows.push_back({p.options[i]->key, type_name(p.options[i]->type), default_text(*p.options[i])});
  text << "\n" << table(rows);
  return text.str();
}

int run(const std::vector<std::string> &arguments) {
  const auto o = options();
  const auto map = parse(arguments, o, "name");
  if (map.count("help")) return print_help(kUsage, o);
  PluginPath path;
  if (map.count("plugin-path"))
    for (const auto &folder : map["plugin-path"].as<std::vector<std::string>>()) path.emplace_back(folder);
  if (!map.count("name")) {
    write_text(list(path));
    return 0;
  }
  std::string text;
  for (const auto &name : map["name"].as<std::vector<std::string>>())
    text += (text.empty() ? "" : "\n") + explain(name, path);
  write_text(text);
  return 0;
}

}  // namespace

extern constinit const Command command_caches{"caches", "list the caches that are installed, or explain one",
                                              run};

}  // namespace kvern::cli
