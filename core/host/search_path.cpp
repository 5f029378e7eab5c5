// The folders in which plugins are looked for, and the libraries in them.
#include "core/host/search_path.hpp"

#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>

#include "devices/program_folder.hpp"

namespace kvern {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "libkvern_", kSuffix = ".so";

void add_environment(PluginPath &folders) {
  const char *variable = std::getenv("KVERN_PLUGIN_PATH");
  std::string_view rest = variable ? variable : "";
  while (!rest.empty()) {
    const size_t colon = std::min(rest.find(':'), rest.size());
    if (colon > 0) folders.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
}

/// Set by a program that embeds kvern.
struct DefaultFolders {
  std::mutex mutex;
  std::optional<PluginPath> folders;
};

DefaultFolders &defaults() {
  static DefaultFolders &instance = *new DefaultFolders;
  return instance;
}

void add_defaults(PluginPath &folders) {
  const std::lock_guard lock(defaults().mutex);
  const PluginPath added = defaults().folders ? *defaults().folders : program_libraries("plugins");
  folders.insert(folders.end(), added.begin(), added.end());
}

bool is_library_name(const std::string &file) {
  return file.size() > kPrefix.size() + kSuffix.size() && file.starts_with(kPrefix) &&
         file.ends_with(kSuffix);
}

}  // namespace

void set_default_plugin_folders(const PluginPath &folders) {
  const std::lock_guard lock(defaults().mutex);
  defaults().folders = folders;
}

PluginPath plugin_search_path(const PluginPath &configured) {
  PluginPath folders = configured;
  add_environment(folders);
  add_defaults(folders);
  for (fs::path &folder : folders) folder = fs::absolute(folder).lexically_normal();
  return folders;
}

std::string library_file_name(const std::string &name) {
  return std::string(kPrefix) + name + std::string(kSuffix);
}

std::string name_of_library(const fs::path &path) {
  std::string name = path.filename().string();
  if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  for (const std::string_view prefix : {kPrefix, std::string_view("lib")})
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  return name;
}

std::vector<FoundPlugin> installed_libraries(const PluginPath &folders) {
  std::map<std::string, FoundPlugin> found;
  for (const fs::path &folder : folders) {
    std::error_code failed;
    for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
         entry.increment(failed)) {
      const fs::path &path = entry->path();
      if (!is_library_name(path.filename().string())) continue;
      const std::string name = name_of_library(path);
      found.try_emplace(name, FoundPlugin{name, path, nullptr, ""});
    }
  }
  std::vector<FoundPlugin> libraries;
  for (auto &[name, library] : found) libraries.push_back(std::move(library));
  return libraries;
}

}  // namespace kvern
