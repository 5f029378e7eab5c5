// The configuration in force: what flags, --set, the file, the model's generation_config.json, the cache plugin and kvern's
// defaults come to, with the source of every value. Weights are not opened.
#pragma once
#include <kvern/options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/run/session.hpp"

namespace kvern {

struct ResolvedValue {
  std::string section;  ///< "" (the top level), "cache_config", "generation" or "prefix"
  std::string key;
  std::optional<Option> value;  ///< none: unset
  std::string source;           ///< "default", "generation_config.json", "run.toml:3", "--threads"
  bool is_default = false;      ///< nothing but a default, or equal to it
};

/// Every option, in the order of the documentation. The cache is taken from the model where the configuration names none, and
/// checked. Throws Error.
std::vector<ResolvedValue> resolve_config(config::RunConfig config);

/// As a configuration that resolves to the same; with `only_diff` only what differs from the defaults.
OptionTable as_options(const std::vector<ResolvedValue> &values, bool only_diff);

}  // namespace kvern
