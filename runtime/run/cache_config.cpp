#include "runtime/run/cache_config.hpp"

#include <fstream>

#include "runtime/config/option_text.hpp"
#include "runtime/config/options_file.hpp"

namespace kvern {
namespace {

OptionTable defaults_of(const kvern_plugin &plugin) { return from_abi(plugin.options, plugin.n_options); }

// The value as the plugin's type: an integer where a number is declared is a number.
Option as_declared(const Option &value, const Option &declared) {
  const auto *integer = std::get_if<int64_t>(&value.value);
  if (integer == nullptr || !std::holds_alternative<double>(declared.value)) return value;
  return {static_cast<double>(*integer), value.place};
}

}  // namespace

CacheConfig::CacheConfig(const kvern_plugin &plugin) : plugin_(&plugin) {}

CacheConfig CacheConfig::from_dict(const kvern_plugin &plugin, const OptionTable &options) {
  CacheConfig result(plugin);
  result.given_ = options;
  return result;
}

CacheConfig CacheConfig::from_text(const kvern_plugin &plugin, std::string_view text,
                                   const std::string &name) {
  return from_dict(plugin, config::parse_options(text, name));
}

CacheConfig CacheConfig::from_file(const kvern_plugin &plugin, const std::filesystem::path &file) {
  return from_dict(plugin, config::read_options(file));
}

std::vector<std::string> CacheConfig::unused_keys() const {
  const OptionTable declared = defaults_of(*plugin_);
  std::vector<std::string> keys;
  for (const auto &[key, option] : given_)
    if (config::find_option(declared, key) == nullptr) keys.push_back(key);
  return keys;
}

void CacheConfig::validate() const { check_options(*plugin_, given_); }

OptionTable CacheConfig::to_dict() const {
  OptionTable result = defaults_of(*plugin_);
  for (auto &[key, option] : result)
    if (const Option *given = config::find_option(given_, key)) option = as_declared(*given, option);
  return result;
}

OptionTable CacheConfig::to_diff_dict() const {
  const OptionTable defaults = defaults_of(*plugin_);
  OptionTable result;
  for (auto &[key, option] : to_dict())
    if (!config::same_option(option, *config::find_option(defaults, key)))
      result.emplace_back(key, std::move(option));
  return result;
}

OptionTable CacheConfig::without_defaults() const {
  const OptionTable defaults = defaults_of(*plugin_);
  OptionTable result;
  for (const auto &[key, option] : given_) {
    const Option *preset = config::find_option(defaults, key);
    if (preset == nullptr || !config::same_option(as_declared(option, *preset), *preset))
      result.emplace_back(key, option);
  }
  return result;
}

std::string CacheConfig::to_json_string(bool use_diff) const {
  return config::to_json(use_diff ? to_diff_dict() : to_dict());
}

std::string CacheConfig::to_toml_string(bool use_diff) const {
  return config::to_toml(use_diff ? to_diff_dict() : to_dict());
}

void CacheConfig::to_json_file(const std::filesystem::path &file, bool use_diff) const {
  std::ofstream out(file, std::ios::binary);
  out << to_json_string(use_diff) << std::flush;
  if (!out) throw Error(ErrorKind::output, file.string() + ": cannot be written");
}

}  // namespace kvern
