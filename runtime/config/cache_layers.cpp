#include "runtime/config/cache_layers.hpp"

#include <kvern/error.hpp>

#include "runtime/config/option_text.hpp"

namespace kvern::config {
namespace {

constexpr const char *kKey = "cache_layers", *kHybrid = "hybrid";

void check_entry(TableReader &reader, const Option &entry, size_t number) {
  const auto *table = std::get_if<OptionTable>(&entry.value);
  if (table == nullptr) reader.fail_type(kKey, "tables ([[cache_layers]])", entry);
  TableReader keys(*table, std::string(kKey) + "[" + std::to_string(number) + "]");
  for (const char *key : {"kind", "index", "range"}) keys.find(key);
  const Option *cache = keys.find("cache_implementation");
  if (cache == nullptr)
    throw Error(ErrorKind::config, entry.place + ": entry " + std::to_string(number) +
                                       " of cache_layers has no cache_implementation");
  if (!std::holds_alternative<std::string>(cache->value))
    keys.fail_type("cache_implementation", "the name of a cache", *cache);
  keys.table("cache_config");
  keys.finish();
}

/// The configured cache as the one of the layers that no entry names.
OptionTable of_other_layers(const RunConfig &config, const std::string &place) {
  if (config.cache_implementation == kHybrid) return config.cache_config;
  OptionTable options;
  for (const char *kind : {"attention", "window"}) {
    options.emplace_back(kind, Option{config.cache_implementation, place});
    if (!config.cache_config.empty())
      options.emplace_back(std::string(kind) + "_config", Option{config.cache_config, place});
  }
  return options;
}

}  // namespace

void read_cache_layers(TableReader &reader, RunConfig &config) {
  const Option *layers = reader.find(kKey);
  if (layers == nullptr) return;
  const auto *entries = std::get_if<OptionArray>(&layers->value);
  if (entries == nullptr) reader.fail_type(kKey, "tables ([[cache_layers]])", *layers);
  size_t number = 0;
  for (const Option &entry : *entries) check_entry(reader, entry, ++number);
  OptionTable options = of_other_layers(config, layers->place);
  if (const Option *twice = find_option(options, kKey))
    throw Error(ErrorKind::config, twice->place + ": cache_config.cache_layers: the entries stand in " +
                                       layers->place + " already");
  options.emplace_back(kKey, *layers);
  config.cache_implementation = kHybrid;
  config.cache_config = std::move(options);
  config.names_cache = true;
  std::erase_if(config.given, [](const auto &item) { return item.first == "cache_implementation"; });
  config.given.emplace_back("cache_implementation", Option{std::string(kHybrid), layers->place});
}

}  // namespace kvern::config
