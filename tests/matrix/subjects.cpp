#include "tests/matrix/subjects.hpp"

#include <kvern/error.hpp>
#include <fstream>
#include <kvern/plugin_registry.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "runtime/config/option_text.hpp"
#include "runtime/config/options_file.hpp"
#include "runtime/models/load.hpp"
#include "tests/support/process.hpp"

namespace kvern::matrix {
namespace {

namespace fs = std::filesystem;

template <class T>
T value_or(const OptionTable &table, const char *key, T otherwise) {
  const Option *option = config::find_option(table, key);
  return option == nullptr ? otherwise : std::get<T>(option->value);
}

bool is_model(const fs::path &folder) {
  if (!fs::exists(folder / "config.json")) return false;
  for (const auto &entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") return knows_architecture(folder);
  return false;
}

}  // namespace

std::vector<CacheSubject> caches(const fs::path &plugins) {
  const OptionTable settings = config::read_options(test::source_path("tests/matrix/caches.toml"));
  std::vector<CacheSubject> found;
  for (const FoundPlugin &plugin : list_plugins({plugins})) {
    if (plugin.plugin == nullptr) throw Error(ErrorKind::plugin, plugin.refusal);
    CacheSubject subject{plugin.name, {}, 0, false};
    if (const Option *option = config::find_option(settings, plugin.name)) {
      const auto &table = std::get<OptionTable>(option->value);
      subject.bound = value_or(table, "bound", 0.0);
      subject.may_refuse = value_or(table, "may_refuse", false);
      subject.options = value_or(table, "options", OptionTable{});
    }
    found.push_back(std::move(subject));
  }
  return found;
}

std::vector<FamilySubject> families() {
  std::map<std::string, fs::path> found;
  for (const auto &entry : fs::recursive_directory_iterator(test::source_path("tests/reference"))) {
    if (!entry.is_directory() || !is_model(entry.path())) continue;
    fs::path &folder = found[read_model_config(entry.path()).model_type];
    // a model with rare settings only where a family has no other
    const auto rank = [](const fs::path &path) {
      const bool rare = path.string().find("/family_options/") != std::string::npos;
      return std::tuple(rare, path.filename().string().size(), path.string());
    };
    if (folder.empty() || rank(entry.path()) < rank(folder)) folder = entry.path();
  }
  std::vector<FamilySubject> families;
  for (const auto &[name, folder] : found) {
    std::ifstream config(folder / "config.json");
    families.push_back({name, folder, nlohmann::json::parse(config).value("d_model", int64_t{0})});
  }
  return families;
}

}  // namespace kvern::matrix
