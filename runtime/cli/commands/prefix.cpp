// kvern prefix: what generate --prefix-file keeps on disk.
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "runtime/cli/command.hpp"
#include "runtime/cli/memory.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/cli/table.hpp"
#include "runtime/run/prefix.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::json;
using Strings = std::vector<std::string>;

constexpr const char *kUsage =
    "usage: kvern prefix list [options]\n"
    "       kvern prefix drop NAME... | --all [options]\n\n"
    "The caches of prefixes that `kvern generate --prefix-file FILE` has kept on disk. NAME may be cut where "
    "it is still the only "
    "one.\n\n";

po::options_description all_options() {
  po::options_description o("options", 110);
  o.add_options()("prefix-folder", po::value<std::string>()->value_name("DIR"),
                  "where they are kept; without it kvern/prefixes in $XDG_CACHE_HOME or ~/.cache")(
      "all", "drop: all of them, and what was left half-written by runs that were killed")(
      "output", po::value<std::string>()->default_value("table")->value_name("table|json"),
      "output format of list")("help", "print this");
  return o;
}

std::string time_text(int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm local{};
  char text[32];
  if (localtime_r(&when, &local) == nullptr) return "";
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local)};
}

std::string list_table(const std::vector<PrefixEntry> &entries) {
  std::vector<Strings> rows{{"name", "tokens", "cache", "size", "made", "model", "begins with"}};
  for (const PrefixEntry &e : entries)
    rows.push_back({e.name.substr(0, 12), std::to_string(e.tokens), e.cache, byte_text(e.bytes),
                    time_text(e.created), std::filesystem::path(e.model).filename().string(),
                    e.damage.empty() ? e.text : "damaged: " + e.damage});
  return table(rows);
}

std::string list_json(const PrefixStore &store, const std::vector<PrefixEntry> &entries) {
  Json json{{"folder", store.folder().string()}, {"prefixes", Json::array()}};
  for (const PrefixEntry &e : entries) {
    Json one{{"name", e.name},   {"bytes", e.bytes}, {"created", e.created}, {"tokens", e.tokens},
             {"model", e.model}, {"cache", e.cache}, {"text", e.text}};
    if (!e.damage.empty()) one["damage"] = e.damage;
    json["prefixes"].push_back(std::move(one));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int list(const PrefixStore &store, const std::string &output) {
  const auto entries = store.list();
  if (output == "json")
    write_json(list_json(store, entries));
  else if (entries.empty())
    std::cerr << "kvern: no prefixes are kept in " << store.folder().string() << '\n';
  else
    write_text(list_table(entries));
  return 0;
}

int drop(const PrefixStore &store, const Strings &names, bool all) {
  if (all != names.empty())
    throw Error(ErrorKind::usage, all ? "prefix drop: give names or --all, not both"
                                      : "prefix drop: give the names of what is to go, or --all");
  if (all) {
    write_text(std::to_string(store.drop_all()) + " dropped\n");
    return 0;
  }
  for (const std::string &name : names) write_text(store.drop(name).name + " dropped\n");
  return 0;
}

int run(const Strings &arguments) {
  const auto options = all_options();
  const auto map = parse(arguments, options, "words");
  if (map.count("help")) return print_help(kUsage, options);
  const Strings words = map.count("words") ? map["words"].as<Strings>() : Strings();
  const std::string form = one_of(map, "output", {"table", "json"});
  const std::string verb = words.empty() ? "" : words.front();
  if (verb != "list" && verb != "drop")
    throw Error(ErrorKind::usage, verb.empty() ? "prefix: list or drop is needed; see --help"
                                               : "prefix " + verb + ": it is list or drop" +
                                                     did_you_mean(verb, {"list", "drop"}));
  const PrefixStore store(map.count("prefix-folder")
                              ? std::filesystem::path(map["prefix-folder"].as<std::string>())
                              : default_prefix_folder());
  if (verb == "list" && (words.size() > 1 || map.count("all")))
    throw Error(ErrorKind::usage, "prefix list: it takes no names");
  if (verb == "list") return list(store, form);
  return drop(store, {words.begin() + 1, words.end()}, map.count("all") > 0);
}

}  // namespace

extern constinit const Command command_prefix{"prefix", "list or drop the prefixes that are kept on disk",
                                              run};

}  // namespace kvern::cli
