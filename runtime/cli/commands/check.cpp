// kvern check: the rules of the contract for one plugin, each in a process of its own.
#include <algorithm>
#include <filesystem>
#include <kvern/options.hpp>
#include <kvern/plugin_registry.hpp>
#include <optional>
#include <sstream>

#include "core/host/search_path.hpp"
#include "runtime/cli/check_output.hpp"
#include "runtime/cli/command.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/progress.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/config/cache_text.hpp"
#include "runtime/run/check_cache.hpp"

namespace kvern::cli {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

constexpr const char *kUsage =
    "usage: kvern check CACHE [options]\n\n"
    "Checks a cache plugin against the rules of docs/abi.md: the path of a library, or the name of an "
    "installed cache, "
    "with options\n"
    "as in \"mine{budget = 32}\". Each rule runs in a process of its own, so that a crash is a result. "
    "Random sequences "
    "that fail are\n"
    "made short, and printed as a program. Exit code 0: every rule is kept, 5: one is broken.\n\n"
    "  kvern check ./libkvern_mine.so\n"
    "  kvern check ./libkvern_mine.so --set cache_config.nbits=4 --tolerance 0.1\n"
    "  kvern check ./libkvern_mine.so --rule 4.3 --in-process      # in a debugger\n\n";

po::options_description options() {
  po::options_description o("options", 110);
  o.add_options()("set", po::value<Strings>()->value_name("KEY=VALUE"),
                  "set an option of the cache, as cache_config.nbits=2; may be repeated")(
      "cache-config", po::value<std::string>()->value_name("FILE"),
      "a JSON or TOML file with options of the cache")("plugin-path", po::value<Strings>()->value_name("DIR"),
                                                       "look for plugins here first; may be repeated")(
      "tolerance", po::value<double>()->value_name("X"),
      "how far an element of a key or value may be from what was stored, for caches that round; default: "
      "0.00002")("first-tokens", po::value<int64_t>()->default_value(0)->value_name("N"),
                 "tokens that each first step has more, for caches that treat old tokens differently")(
      "rule", po::value<Strings>()->value_name("ID"), "check this rule alone, as 4.3; may be repeated")(
      "repeat", po::value<int>()->default_value(1)->value_name("N"),
      "check each rule so often; random sequences: N times as many")(
      "seed", po::value<uint64_t>()->default_value(1)->value_name("N"), "of the first random sequence")(
      "time-limit", po::value<double>()->default_value(60)->value_name("SECONDS"), "of each rule")(
      "quick", "fewer random sequences")("in-process", "without processes of their own, for a debugger")(
      "perf", "also measure the time of each verb and the bytes of a token, beside dynamic")(
      "format", po::value<std::string>()->default_value("text")->value_name("text|json|junit"),
      "output format")("help", "print this");
  return o;
}

/// The library of a name, or of a path, that need not be loadable.
fs::path library_of(const std::string &name, const PluginPath &configured) {
  if (name.find('/') != std::string::npos) {
    const fs::path path = fs::absolute(name).lexically_normal();
    std::error_code failed;
    if (!fs::exists(path, failed)) throw Error(ErrorKind::plugin, path.string() + ": there is no such file");
    if (!fs::is_regular_file(path, failed))
      throw Error(ErrorKind::plugin, path.string() + ": not a file, so no cache plugin");
    return path;
  }
  Strings names;
  for (const FoundPlugin &library : installed_libraries(plugin_search_path(configured))) {
    if (library.name == name) return library.path;
    names.push_back(library.name);
  }
  throw Error(ErrorKind::plugin, "no cache plugin '" + name + "'" + did_you_mean(name, names) +
                                     "; a library of your own is named by its path, as ./lib" + name + ".so");
}

template <class T>
T at_least(const po::variables_map &map, const char *option, T least) {
  const T value = map[option].as<T>();
  if (value < least) {
    std::ostringstream text;
    text << "--" << option << " " << value << ": at least " << least << " is required";
    throw Error(ErrorKind::usage, text.str());
  }
  return value;
}

Strings chosen_rules(const po::variables_map &map) {
  if (!map.count("rule")) return {};
  const auto rules = map["rule"].as<Strings>(), known = conformance::rule_ids();
  for (const std::string &rule : rules)
    if (std::find(known.begin(), known.end(), rule) == known.end())
      throw Error(ErrorKind::usage, "--rule " + rule + ": there is no such rule (docs/abi.md has them, " +
                                        known.front() + " to " + known.back() + ")");
  return rules;
}

/// What speaks of the cache's configuration: --seed here is another one than that of generation.
po::variables_map of_configuration(const po::variables_map &map) {
  po::variables_map part;
  for (const char *option : {"set", "cache-config", "plugin-path"})
    if (map.count(option)) part.insert({option, map[option]});
  return part;
}

conformance::CheckSettings settings_of(const po::variables_map &map) {
  conformance::CheckSettings settings;
  settings.rules = chosen_rules(map);
  settings.repeat = at_least(map, "repeat", 1);
  settings.seed = map["seed"].as<uint64_t>();
  settings.quick = map.count("quick") > 0;
  settings.in_process = map.count("in-process") > 0;
  settings.time_limit = at_least(map, "time-limit", 0.1);
  settings.subject.first_tokens = at_least(map, "first-tokens", int64_t{0});
  settings.subject.host_build = host_build();
  if (map.count("tolerance")) settings.subject.tolerance = at_least(map, "tolerance", 0.0);
  return settings;
}

/// Times in a child of its own, so that a crash is a problem and no more.
SpeedTable::Side measured(const std::string &name, const std::string &library,
                          const conformance::SubjectOptions &options) {
  SpeedTable::Side side{name, "", {}};
  const auto attempt = conformance::isolate(
      [&](conformance::Trace &) {
        const auto found = conformance::measure(*conformance::load_plugin(library), options);
        std::ostringstream text;
        text << found.step_ns << ' ' << found.bytes_per_token;
        for (const auto &[verb, ns] : found.ns) text << ' ' << verb << ' ' << ns;
        return text.str();
      },
      60);
  if (attempt.ending != conformance::Ending::kept) side.problem = attempt.text;
  std::istringstream text(attempt.answer);
  text >> side.measured.step_ns >> side.measured.bytes_per_token;
  std::string verb;
  for (double ns = 0; text >> verb >> ns;) side.measured.ns.emplace_back(verb, ns);
  return side;
}

SpeedTable measure_beside_dynamic(const conformance::CheckReport &report,
                                  const conformance::CheckSettings &settings, const PluginPath &path) {
  return {measured(report.name, settings.library, settings.subject),
          measured("dynamic", library_of("dynamic", path).string(), {})};
}

void write_report(const std::string &form, const std::string &library, const conformance::CheckReport &report,
                  const SpeedTable *speed) {
  if (form == "json") return write_json(check_json(library, report, speed));
  write_text((form == "junit" ? check_junit(library, report) : check_text(library, report)) +
             (speed && form == "text" ? speed_text(*speed) : ""));
}

int run(const Strings &arguments) {
  const auto o = options();
  const auto map = parse(arguments, o, "cache");
  if (map.count("help")) return print_help(kUsage, o);
  const auto form = one_of(map, "format", {"text", "json", "junit"});
  const auto names = map.count("cache") ? map["cache"].as<Strings>() : Strings{};
  if (names.size() != 1) throw Error(ErrorKind::usage, "name one cache to check; see kvern check --help");
  auto settings = settings_of(map);
  auto config = read_config(of_configuration(map));
  auto cache = config::parse_cache_text(names[0], "kvern check " + names[0]);
  for (auto &option : cache.options) config.cache_config.push_back(std::move(option));
  settings.library = library_of(cache.name, config.plugin_path).string();
  const AbiOptions abi_options(config.cache_config);
  settings.subject.options.assign(abi_options.data(), abi_options.data() + abi_options.size());
  settings.check_options = [&](const kvern_plugin &) {
    check_cache(settings.library, config.cache_config, config.plugin_path);
  };
  conformance::compose_extension(compose_extension(config.plugin_path));
  const auto ids = conformance::rule_ids();
  Progress progress("checking rules:");
  int64_t checked = 0;
  const auto report = conformance::check_plugin(
      settings, [&](const std::string &) { progress.show(checked++, static_cast<int64_t>(ids.size())); });
  Progress::erase_now();
  std::optional<SpeedTable> speed;
  if (map.count("perf") && report.problem.empty() && !report.name.empty())
    speed = measure_beside_dynamic(report, settings, config.plugin_path);
  write_report(form, settings.library, report, speed ? &*speed : nullptr);
  return report.all_kept() && report.problem.empty() ? 0 : static_cast<int>(ErrorKind::plugin);
}

}  // namespace

extern constinit const Command command_check{"check",
                                             "check a cache plugin against the rules of its contract", run};

}  // namespace kvern::cli
