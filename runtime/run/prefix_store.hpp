// Caches of prefixes on disk: a folder of files, each named after what its contents depend on.
#pragma once
#include <filesystem>
#include <kvern/cache.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kvern {

/// $XDG_CACHE_HOME/kvern/prefixes, else ~/.cache/kvern/prefixes. Throws Error(config) where the environment names neither.
std::filesystem::path default_prefix_folder();

/// What the contents of a saved cache depend on: names and values, in their order.
class PrefixKey {
 public:
  void add(const std::string &name, const std::string &value) { parts_.emplace_back(name, value); }
  const std::vector<std::pair<std::string, std::string>> &parts() const { return parts_; }
  /// 32 hexadecimal digits of all of it.
  std::string name() const;
  /// The first part that differs: "cache: 'paged', but 'dynamic' is needed"; empty: all are equal.
  std::string difference(const PrefixKey &found) const;

 private:
  std::vector<std::pair<std::string, std::string>> parts_;
};

/// What a file says of itself, besides its key.
struct PrefixEntry {
  std::string name;     ///< of the file, without its extension
  int64_t bytes = 0;    ///< of the file
  int64_t created = 0;  ///< seconds since 1970
  int64_t tokens = 0;
  std::string model, cache, text;  ///< for people: folder, name of the plugin, beginning of the text
  std::string damage;              ///< not empty: why it cannot be read
};

class PrefixStore {
 public:
  explicit PrefixStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path &folder() const { return folder_; }
  std::filesystem::path file_of(const PrefixKey &key) const;

  enum class Found { restored, absent, unusable };
  /// Fills `cache`, which holds nothing. unusable: `why` says "FILE: what is wrong"; the cache holds nothing then.
  Found restore(const PrefixKey &key, Cache &cache, std::string &why) const;

  /// Keeps what the cache holds under its key; `entry`: tokens and what is for people. The file is there whole or not at all.
  /// Returns its bytes. Throws Error(output), or CacheError (UNSUPPORTED) if the cache has no save.
  int64_t keep(const PrefixKey &key, const Cache &cache, const PrefixEntry &entry) const;

  /// All of them, the newest first, damaged ones too. A folder that is not there has none.
  std::vector<PrefixEntry> list() const;
  /// Removes one by its name or the beginning of it. Throws Error(usage) if there is none, or more than one.
  PrefixEntry drop(const std::string &name) const;
  /// Removes all, and what runs that were killed have left half-written. Returns how many.
  int64_t drop_all() const;

 private:
  std::filesystem::path folder_;
};

}  // namespace kvern
