// Finds and loads plugins. Libraries are loaded once and never unloaded: the registry is never destroyed.
#include <kvern/plugin_registry.hpp>

#include <boost/dll/shared_library.hpp>
#include <map>
#include <mutex>

#include "core/host/plugin_checks.hpp"
#include "core/host/search_path.hpp"

namespace kvern {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const fs::path &path, const std::string &why) {
  throw Error(ErrorKind::plugin, path.string() + ": " + why);
}

/// The dynamic linker's own words out of what Boost.DLL throws, without the path that they begin with.
std::string load_failure(const std::string &what, const fs::path &path) {
  constexpr std::string_view opening = "dlerror system message: ", closing = "): ";
  const size_t begin = what.find(opening), end = what.rfind(closing);
  if (begin == what.npos || end == what.npos || end < begin) return what;
  std::string text = what.substr(begin + opening.size(), end - begin - opening.size());
  const std::string prefix = path.string() + ": ";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

/// A library that is in the process, and what its entry function gave: the table, or why there is none.
struct Loaded {
  boost::dll::shared_library library;
  const kvern_plugin *plugin = nullptr;
  std::string refusal;
};

class Registry {
 public:
  static Registry &instance() {
    static Registry &registry = *new Registry;
    return registry;
  }

  /// The table that the library at this absolute path gave, checked for nothing yet. A library that cannot be
  /// loaded is tried again next time; one that could is asked once.
  const kvern_plugin *table(const fs::path &path) {
    const std::lock_guard lock(mutex_);
    std::error_code failed;
    const std::string key = fs::canonical(path, failed).string();
    if (failed) refuse(path, "the file cannot be read: " + failed.message());
    auto found = loaded_.find(key);
    if (found == loaded_.end()) found = loaded_.emplace(key, load(path)).first;
    if (!found->second.plugin) throw Error(ErrorKind::plugin, found->second.refusal);
    return found->second.plugin;
  }

 private:
  static Loaded load(const fs::path &path) {
    Loaded loaded;
    try {
      namespace dll = boost::dll;
      loaded.library.load(path.string(), dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    } catch (const std::exception &failed) {
      refuse(path, "the library cannot be loaded: " + load_failure(failed.what(), path));
    }
    try {
      loaded.plugin = call_entry(entry_of(loaded.library, path), path.string());
    } catch (const Error &refused) {
      loaded.refusal = refused.what();
    }
    return loaded;
  }

  static kvern_entry_fn entry_of(const boost::dll::shared_library &library, const fs::path &path) {
    if (!library.has(KVERN_ENTRY_NAME))
      refuse(path, "not a cache plugin: it exports no function " KVERN_ENTRY_NAME);
    return &library.get<const kvern_plugin *(const kvern_host *)>(KVERN_ENTRY_NAME);
  }

  std::mutex mutex_;
  std::map<std::string, Loaded> loaded_;
};

/// Loads and checks the library at an absolute path. Throws Error(plugin).
FoundPlugin load_checked(const fs::path &path) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (!fs::exists(status)) refuse(path, "there is no such file");
  if (!fs::is_regular_file(status)) refuse(path, "not a file, so no cache plugin");
  FoundPlugin found{name_of_library(path), path, Registry::instance().table(path), ""};
  check_table(*found.plugin, found.name, path.string());
  return found;
}

std::string not_found(const std::string &name, const PluginPath &folders) {
  std::vector<std::string> names;
  for (const FoundPlugin &library : installed_libraries(folders)) names.push_back(library.name);
  std::string text = "no cache plugin '" + name + "'" + did_you_mean(name, names);
  const auto sentence = [&](const char *begin) {
    text += (text.back() == '?' ? " " : "; ") + std::string(begin);
  };
  if (!names.empty()) sentence("installed: ");
  for (size_t i = 0; i < names.size(); ++i) text += (i ? ", " : "") + names[i];
  sentence("searched: ");
  for (size_t i = 0; i < folders.size(); ++i) {
    std::error_code failed;
    text += (i ? ", " : "") + folders[i].string();
    if (!fs::is_directory(folders[i], failed)) text += " (no such folder)";
  }
  return text;
}

}  // namespace

FoundPlugin find_plugin(const std::string &name, const PluginPath &configured) {
  if (name.find('/') != std::string::npos) return load_checked(fs::absolute(name).lexically_normal());
  const PluginPath folders = plugin_search_path(configured);
  for (const fs::path &folder : folders) {
    const fs::path path = folder / library_file_name(name);
    std::error_code failed;
    if (fs::exists(fs::symlink_status(path, failed))) return load_checked(path);
  }
  throw Error(ErrorKind::plugin, not_found(name, folders));
}

std::vector<FoundPlugin> list_plugins(const PluginPath &configured) {
  std::vector<FoundPlugin> libraries = installed_libraries(plugin_search_path(configured));
  for (FoundPlugin &library : libraries) {
    try {
      library = load_checked(library.path);
    } catch (const Error &refused) {
      library.refusal = refused.what();
    }
  }
  return libraries;
}

}  // namespace kvern
