// Where plugins are looked for, and what a library's file name says. Not part of the public headers.
#pragma once
#include <kvern/plugin_registry.hpp>

namespace kvern {

/// "libkvern_dynamic.so" for "dynamic".
std::string library_file_name(const std::string &name);

/// "dynamic" for ".../libkvern_dynamic.so"; for a library of one's own "libmine.so" or "mine.so": "mine".
std::string name_of_library(const std::filesystem::path &path);

/// Every libkvern_*.so in the folders, the first of each name, sorted by name. Loads nothing.
std::vector<FoundPlugin> installed_libraries(const PluginPath &folders);

}  // namespace kvern
