// kvern caches: the plugins that are found, or one of them explained, or its options as a file.
#include <nlohmann/json.hpp>
#include <sstream>

#include "runtime/cli/cache_argument.hpp"
#include "runtime/cli/command.hpp"
#include "runtime/cli/explain_layers.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/cli/table.hpp"
#include "runtime/config/option_text.hpp"
#include "runtime/run/cache_config.hpp"
#include "runtime/run/probe.hpp"
#include "runtime/run/session.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::ordered_json;
using Strings = std::vector<std::string>;

constexpr const char *kUsage =
    "usage: kvern caches [NAME] [options]\n\n"
    "Lists the cache plugins that are installed: name, version, the optional verbs it offers, and its path. "
    "With a NAME\n"
    "explains one, with its options (cache_config) and their defaults; with --output json or toml prints its "
    "options as a\n"
    "file for --cache-config or [cache_config], those of NAME{option = value} or --cache-config over the "
    "defaults.\n\n"
    "  kvern caches quantized --output json > cache.json\n"
    "  kvern caches 'quantized{nbits = 2}' --output toml --diff\n\n"
    "With --explain opens the model and the cache of a configuration, and prints which layer gets which "
    "cache, with its "
    "bytes:\n\n"
    "  kvern caches --explain run.toml --tokens 8192\n\n";

po::options_description options() {
  po::options_description o("options", 110);
  o.add_options()("plugin-path", po::value<Strings>()->value_name("DIR"),
                  "look for plugins here first; may be repeated")(
      "config", po::value<std::string>()->value_name("FILE"),
      "a configuration: its plugin_path, and its cache_config for its cache")(
      "cache-config", po::value<std::string>()->value_name("FILE"),
      "a JSON or TOML file with options of the cache")(
      "set", po::value<Strings>()->value_name("KEY=VALUE"),
      "set a key of the configuration, as cache_config.nbits=2")(
      "output", po::value<std::string>()->default_value("text")->value_name("text|json|toml"),
      "output format")("diff", "of the options only those that differ from the defaults")(
      "explain", po::value<std::string>()->value_name("CONFIG"),
      "print which layer gets which cache with this configuration, and its bytes")(
      "tokens", po::value<int64_t>()->value_name("N"),
      "with --explain: the length of the row; without it max_length of the configuration, what the cache "
      "holds at most, or 4096")("help", "print this");
  return o;
}

std::string joined(const Strings &words) {
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
  std::vector<Strings> rows{{"name", "version", "offers", "path"}};
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

Json list_json(const PluginPath &path) {
  Json result = Json::array();
  for (const auto &f : list_plugins(path)) {
    Json entry{{"name", f.name}, {"path", f.path.string()}};
    if (f.plugin) {
      entry["version"] = f.plugin->version;
      entry["summary"] = f.plugin->summary;
      entry["offers"] = probe_capabilities(*f.plugin, path).verbs;
    } else {
      entry["refused"] = f.refusal;
    }
    result.push_back(std::move(entry));
  }
  return result;
}

const char *type_name(int32_t type) {
  constexpr const char *names[] = {"bool", "integer", "number", "string", "table", "array"};
  return type >= 0 && type <= KVERN_ARRAY ? names[type] : "?";
}

std::string explain(const FoundPlugin &found, const CacheConfig &config, const PluginPath &path, bool diff) {
  const auto &p = *found.plugin;
  std::ostringstream text;
  text << p.name << ' ' << p.version << ": " << p.summary << "\n\n";
  text << "library  " << found.path.string() << "\n";
  text << "abi      " << p.abi_major << '.' << p.abi_minor
       << (*p.build ? std::string(", built for ") + p.build : "") << "\n";
  text << "offers   " << offered(p, path) << "\n";
  const auto defaults = CacheConfig(p).to_dict();
  const auto values = diff ? config.to_diff_dict() : config.to_dict();
  if (values.empty()) return text.str() + "options  " + (p.n_options == 0 ? "none\n" : "as by default\n");
  std::vector<Strings> rows{{"option (cache_config)", "type", "default"}};
  const bool changed = !config.to_diff_dict().empty();
  if (changed) rows[0].push_back("value");
  for (const auto &[key, value] : values) {
    const auto type = static_cast<int32_t>(value.value.index());
    rows.push_back({key, type_name(type), config::to_toml_value(*config::find_option(defaults, key))});
    if (changed) rows.back().push_back(config::to_toml_value(value));
  }
  return text.str() + "\n" + table(rows);
}

/// The cache of one argument with its options: NAME{...}, else what --cache-config, --set or the file of that cache say.
config::RunConfig named_cache(const std::string &text, const po::variables_map &map,
                              const config::RunConfig &base) {
  if (text.find('{') != std::string::npos) return read_cache_argument("kvern caches", text, base);
  config::RunConfig result = base;
  const bool given = map.count("cache-config") > 0 || map.count("set") > 0;
  if (!given && base.cache_implementation != text) result.cache_config.clear();
  result.cache_implementation = text;
  check_cache(result);
  return result;
}

void print_cache(const std::string &text, const po::variables_map &map, const config::RunConfig &base) {
  const auto run = named_cache(text, map, base);
  const auto found = check_cache(run);
  const auto config = CacheConfig::from_dict(*found.plugin, run.cache_config);
  const bool diff = map.count("diff") > 0;
  const auto form = map["output"].as<std::string>();
  if (form == "json")
    write_json(config.to_json_string(diff));
  else
    write_text(form == "toml" ? config.to_toml_string(diff) : explain(found, config, run.plugin_path, diff));
}

int explain_configuration(po::variables_map map, const std::string &form) {
  if (form == "toml") throw Error(ErrorKind::usage, "--output toml: --explain prints text or json");
  for (const char *other : {"name", "config"})
    if (map.count(other))
      throw Error(ErrorKind::usage, "--explain CONFIG takes the cache of that configuration alone");
  const int64_t tokens = map.count("tokens") ? map["tokens"].as<int64_t>() : 0;
  if (map.count("tokens") && tokens < 1)
    throw Error(ErrorKind::usage, "--tokens " + std::to_string(tokens) + ": at least 1 is required");
  map.insert({"config", po::variable_value(map["explain"].value(), false)});
  auto run = read_config(map);
  take_cache_of_model(run);
  check_cache(run);
  const auto explained = explain_layers(run, tokens);
  form == "json" ? write_json(layers_json(explained)) : write_text(layers_text(explained));
  return 0;
}

int run(const Strings &arguments) {
  const auto o = options();
  const auto map = parse(arguments, o, "name");
  if (map.count("help")) return print_help(kUsage, o);
  const auto form = one_of(map, "output", {"text", "json", "toml"});
  if (map.count("explain")) return explain_configuration(map, form);
  if (map.count("tokens")) throw Error(ErrorKind::usage, "--tokens goes with --explain");
  const auto base = read_config(map);
  if (!map.count("name")) {
    if (form == "toml")
      throw Error(ErrorKind::usage, "--output toml: name a cache; the list is text or json");
    form == "json"
        ? write_json(list_json(base.plugin_path).dump(2, ' ', false, Json::error_handler_t::replace) + "\n")
        : write_text(list(base.plugin_path));
    return 0;
  }
  const auto names = map["name"].as<Strings>();
  if (form != "text" && names.size() > 1)
    throw Error(ErrorKind::usage, "--output " + form + ": name one cache");
  for (const auto &name : names) {
    if (&name != &names.front()) write_text("\n");
    print_cache(name, map, base);
  }
  return 0;
}

}  // namespace

extern constinit const Command command_caches{"caches", "list the caches that are installed, or explain one",
                                              run};

}  // namespace kvern::cli
