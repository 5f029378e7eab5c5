// The options of one cache as a value: read from a dictionary, TOML or JSON, checked, filled up with the plugin's defaults, and
// written back (transformers: CacheConfig, QuantizedCacheConfig).
#pragma once
#include <filesystem>
#include <kvern/plugin_registry.hpp>
#include <string>
#include <vector>

namespace kvern {

class CacheConfig {
 public:
  /// The defaults of a plugin, which outlives this object.
  explicit CacheConfig(const kvern_plugin &plugin);

  /// Options over the defaults. Keys that the plugin does not know are kept aside: unused_keys(). An integer stands for a number.
  static CacheConfig from_dict(const kvern_plugin &plugin, const OptionTable &options);
  /// A text, called `name` in messages, that is an object of JSON or a table of TOML. Throws Error(config).
  static CacheConfig from_text(const kvern_plugin &plugin, std::string_view text, const std::string &name);
  static CacheConfig from_file(const kvern_plugin &plugin, const std::filesystem::path &file);

  const kvern_plugin &plugin() const { return *plugin_; }
  /// In the order in which they were given.
  std::vector<std::string> unused_keys() const;

  /// Throws Error(config), each value named by its place: unused keys, all of them at once, and values of a wrong type. What a
  /// value may be besides is the plugin's to judge when a cache is created.
  void validate() const;

  /// Every option that the plugin declares, in its order.
  OptionTable to_dict() const;
  /// Only the options whose value is not the default.
  OptionTable to_diff_dict() const;
  /// The options as given, unknown ones too, but for those that equal the default: a default is the plugin's to apply.
  OptionTable without_defaults() const;
  std::string to_json_string(bool use_diff = false) const;
  std::string to_toml_string(bool use_diff = false) const;
  /// Throws Error(output).
  void to_json_file(const std::filesystem::path &file, bool use_diff = false) const;

 private:
  const kvern_plugin *plugin_;
  OptionTable given_;  // as read
};

}  // namespace kvern
