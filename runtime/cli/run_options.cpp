#include "runtime/cli/run_options.hpp"

#include <kvern/error.hpp>
#include <sstream>

#include "runtime/cli/output.hpp"

namespace kvern::cli {
namespace {

using Strings = std::vector<std::string>;

/// A flag and the key of the configuration that it sets.
struct Flag {
  const char *name, *key;
};

constexpr Flag kTextFlags[] = {{"model", "model"},
                               {"cache", "cache_implementation"},
                               {"dtype", "dtype"},
                               {"cache-dtype", "cache_dtype"},
                               {"memory-budget", "memory_budget"}};
constexpr Flag kNumberFlags[] = {
    {"threads", "threads"}, {"seed", "seed"}, {"max-new-tokens", "generation.max_new_tokens"}};

void override_text(const po::variables_map &map, const Flag &flag, std::vector<config::Override> &to) {
  if (map.count(flag.name))
    to.push_back({flag.key, {map[flag.name].as<std::string>(), std::string("--") + flag.name}});
}

void override_number(const po::variables_map &map, const Flag &flag, std::vector<config::Override> &to) {
  if (map.count(flag.name))
    to.push_back({flag.key, {map[flag.name].as<int64_t>(), std::string("--") + flag.name}});
}

void override_plugin_path(const po::variables_map &map, std::vector<config::Override> &to) {
  if (!map.count("plugin-path")) return;
  OptionArray folders;
  for (const auto &folder : map["plugin-path"].as<Strings>()) folders.push_back({folder, "--plugin-path"});
  to.push_back({"plugin_path", {folders, "--plugin-path"}});
}

[[noreturn]] void unknown_option(const std::string &name, const po::options_description &options) {
  Strings names;
  for (const auto &option : options.options()) names.push_back("--" + option->long_name());
  throw Error(ErrorKind::usage, "no option '" + name + "'" + did_you_mean(name, names) + "; see --help");
}

void add_model_options(po::options_description &o) {
  auto text = [](const char *name) { return po::value<std::string>()->value_name(name); };
  o.add_options()("config", text("FILE"), "a TOML file (docs/configuration.md); flags override it")(
      "model", text("DIR"), "a Hugging Face model folder; without it the built-in model")(
      "dtype", text("T"), "type of the weights: float32, bfloat16 or float16; without it as stored")(
      "cache-dtype", text("T"), "type of keys and values; without it that of the weights")(
      "threads", po::value<int64_t>()->value_name("N"), "threads that compute; without it one per processor")(
      "plugin-path", po::value<Strings>()->value_name("DIR"), "look for plugins here first; may be repeated")(
      "memory-budget", text("SIZE"), "what the cache may hold at most, e.g. 512MB");
}

}  // namespace

po::options_description model_options() {
  po::options_description o("model", 110);
  add_model_options(o);
  return o;
}

po::options_description run_options() {
  po::options_description o("model and cache", 110);
  add_model_options(o);
  o.add_options()("cache", po::value<std::string>()->value_name("NAME"),
                  "the cache plugin, as listed by `kvern caches`, or a path to one")(
      "set", po::value<Strings>()->value_name("KEY=VALUE"),
      "set any key of the configuration, e.g. cache_config.max_cache_len=4096; may be repeated");
  return o;
}

po::options_description generation_options() {
  po::options_description o(
      "generation (more by --set generation.KEY=VALUE, e.g. do_sample, temperature, top_p)", 110);
  o.add_options()("max-new-tokens", po::value<int64_t>()->value_name("N"), "end after so many new tokens")(
      "seed", po::value<int64_t>()->value_name("N"), "seed of sampling; without it every run samples anew");
  return o;
}

po::variables_map parse(const Strings &arguments, const po::options_description &options,
                        const std::string &positional) {
  po::options_description all;
  all.add(options);
  po::positional_options_description places;
  if (!positional.empty()) {
    all.add_options()(positional.c_str(), po::value<Strings>());
    places.add(positional.c_str(), -1);
  }
  constexpr int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  po::variables_map map;
  try {
    po::store(po::command_line_parser(arguments).options(all).positional(places).style(style).run(), map);
  } catch (const po::unknown_option &e) {
    unknown_option(e.get_option_name(), options);
  } catch (const po::too_many_positional_options_error &) {
    throw Error(ErrorKind::usage, "an argument without an option before it; see --help");
  }
  return map;
}

int print_help(const std::string &usage, const po::options_description &options) {
  std::ostringstream text;
  text << usage << options;
  write_output(text.str());
  return 0;
}

config::RunConfig read_config(const po::variables_map &map) {
  std::optional<std::filesystem::path> file;
  if (map.count("config")) file = map["config"].as<std::string>();
  std::vector<config::Override> overrides;
  if (map.count("set"))
    for (const auto &text : map["set"].as<Strings>()) overrides.push_back(config::parse_set(text));
  for (const auto &flag : kTextFlags) override_text(map, flag, overrides);
  for (const auto &flag : kNumberFlags) override_number(map, flag, overrides);
  override_plugin_path(map, overrides);
  return config::load_run_config(file, overrides, kvern::generation_options());
}

}  // namespace kvern::cli
