#include "runtime/cli/run_options.hpp"

#include <kvern/abi/cache_abi.h>

#include <algorithm>
#include <kvern/error.hpp>
#include <kvern/generation_options.hpp>
#include <kvern/host.hpp>
#include <sstream>

#include "runtime/cli/output.hpp"
#include "runtime/config/options_file.hpp"
#include "runtime/config/run_options.hpp"
#include "runtime/config/toml.hpp"

namespace kvern::cli {
namespace {

using config::FlagGroup;
using Strings = std::vector<std::string>;

constexpr unsigned kWidth = 110;  // columns of --help

std::string help_of(const OptionDeclaration &declared) {
  const std::string preset = config::default_text(declared);
  return std::string(declared.help) + (preset.empty() ? "" : "; default: " + preset);
}

po::typed_value<std::string> *text_value(std::string_view name) {
  return po::value<std::string>()->value_name(std::string(name));
}

void add_flags(FlagGroup group, po::options_description &to) {
  for (const auto &option : config::run_options()) {
    if (option.group != group) continue;
    const std::string flag(option.flag), help = help_of(option.declared), name(option.value_name);
    if (option.declared.type == OptionType::texts)
      to.add_options()(flag.c_str(), po::value<Strings>()->value_name(name),
                       (help + "; may be repeated").c_str());
    else if (option.declared.type == OptionType::boolean)
      to.add_options()(flag.c_str(), text_value(name)->implicit_value("true"), help.c_str());
    else
      to.add_options()(flag.c_str(), text_value(name), help.c_str());
  }
}

void add_model_options(po::options_description &to) {
  to.add_options()("config", text_value("FILE"),
                   "a TOML or JSON file (docs/configuration.md); flags override it");
  add_flags(FlagGroup::model, to);
  to.add_options()("set", po::value<Strings>()->value_name("KEY=VALUE"),
                   "set any key of the configuration, e.g. cache_config.max_cache_len=4096; may be repeated");
}

/// "max-new-tokens"
std::string flag_of(const OptionDeclaration &declared) {
  std::string flag(declared.name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

const char *value_name(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "true|false";
    case OptionType::integer:
      return "N";
    case OptionType::number:
      return "X";
    case OptionType::integers:
      return "N,N";
    case OptionType::text:
    case OptionType::texts:
      return "TEXT";
    case OptionType::tree:
      break;
  }
  return "VALUE";
}

/// Of an option that may be a text as well as a tree: a JSON schema is no TOML.
Option tree_or_text(const std::string &text, const std::string &place) {
  try {
    return config::parse_toml_value(text, place);
  } catch (const Error &) {
    return {text, place};
  }
}

/// What a flag's text means, by the declared type. A list of integers needs no brackets.
Option value_of(const OptionDeclaration &declared, const std::string &text, const std::string &place) {
  if (declared.type == OptionType::text || declared.type == OptionType::texts) return {text, place};
  if (declared.accepts != nullptr && declared.accepts({text, place})) return tree_or_text(text, place);
  const bool list = declared.type == OptionType::integers && !text.starts_with('[') && text != "none";
  return config::parse_toml_value(list ? "[" + text + "]" : text, place);
}

void override_run_options(const po::variables_map &map, std::vector<config::Override> &to) {
  for (const auto &option : config::run_options()) {
    const std::string flag(option.flag), place = "--" + flag, key(option.declared.name);
    if (!map.count(flag)) continue;
    if (option.declared.type == OptionType::texts) {
      OptionArray list;
      for (const auto &text : map[flag].as<Strings>()) list.push_back({text, place});
      to.push_back({key, {std::move(list), place}});
    } else {
      to.push_back({key, value_of(option.declared, map[flag].as<std::string>(), place)});
    }
  }
}

void override_generation(const po::variables_map &map, std::vector<config::Override> &to) {
  for (const OptionDeclaration *declared : kvern::generation_options()) {
    const std::string flag = flag_of(*declared), key = "generation." + std::string(declared->name);
    if (map.count(flag)) to.push_back({key, value_of(*declared, map[flag].as<std::string>(), "--" + flag)});
  }
}

[[noreturn]] void unknown_option(const std::string &name, const po::options_description &options) {
  Strings names;
  for (const auto &option : options.options()) names.push_back("--" + option->long_name());
  throw Error(ErrorKind::usage, "no option '" + name + "'" + did_you_mean(name, names) + "; see --help");
}

}  // namespace

po::options_description model_options() {
  po::options_description o("model", kWidth);
  add_model_options(o);
  return o;
}

po::options_description run_options() {
  po::options_description o("model and cache", kWidth);
  add_model_options(o);
  add_flags(FlagGroup::cache, o);
  o.add_options()(
      "cache-config", text_value("FILE"),
      "a JSON or TOML file with the cache's own options, as `kvern caches NAME --output json` writes it")(
      "explain", "print where each value of the configuration comes from, and end");
  return o;
}

po::options_description generation_options() {
  po::options_description o("generation", kWidth);
  add_flags(FlagGroup::generation, o);
  for (const OptionDeclaration *declared : kvern::generation_options()) {
    auto *value = text_value(value_name(declared->type));
    if (declared->type == OptionType::boolean) value->implicit_value("true");
    o.add_options()(flag_of(*declared).c_str(), value, help_of(*declared).c_str());
  }
  return o;
}

po::variables_map parse(const Strings &arguments, const po::options_description &options,
                        const std::string &positional) {
  po::options_description all;
  all.add(options);
  all.add_options()("verbose,v", "");
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
  if (map.count("verbose")) set_log_level(KVERN_LOG_INFO);
  return map;
}

int print_help(const std::string &usage, const po::options_description &options) {
  std::ostringstream text;
  text << usage << options << "\n  -v, --verbose: also print the messages of caches on standard error\n";
  write_output(text.str());
  return 0;
}

std::string one_of(const po::variables_map &map, const char *option, const Strings &choices) {
  const auto word = map[option].as<std::string>();
  std::string list;
  for (const auto &choice : choices) {
    if (word == choice) return word;
    list += (list.empty() ? "" : &choice == &choices.back() ? " or " : ", ") + choice;
  }
  throw Error(ErrorKind::usage,
              std::string("--") + option + " " + word + ": it is " + list + did_you_mean(word, choices));
}

config::RunConfig read_config(const po::variables_map &map) {
  std::optional<std::filesystem::path> file;
  if (map.count("config")) file = map["config"].as<std::string>();
  std::vector<config::Override> overrides;
  if (map.count("cache-config")) {
    const auto path = map["cache-config"].as<std::string>();
    overrides.push_back({"cache_config", {config::read_options(path), "--cache-config " + path}});
  }
  if (map.count("set"))
    for (const auto &text : map["set"].as<Strings>()) overrides.push_back(config::parse_set(text));
  override_run_options(map, overrides);
  override_generation(map, overrides);
  return config::load_run_config(file, overrides, kvern::generation_options());
}

}  // namespace kvern::cli
