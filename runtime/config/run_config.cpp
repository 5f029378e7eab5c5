// Text to tree, overrides into the tree, tree to structure: all three say where a wrong value came from.
#include "runtime/config/run_config.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <map>
#include <sstream>
#include <utility>

#include "runtime/config/cache_layers.hpp"
#include "runtime/config/options_file.hpp"
#include "runtime/config/run_options.hpp"
#include "runtime/config/table_reader.hpp"
#include "runtime/config/toml.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::config {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split_key(const std::string &key) {
  std::vector<std::string> parts;
  std::istringstream stream(key);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  return parts;
}

// Sets the value at a dotted key, making the tables on the way.
void apply(OptionTable &top, const Override &override) {
  OptionTable *table = &top;
  const std::vector<std::string> parts = split_key(override.key);
  for (size_t i = 0; i < parts.size(); ++i) {
    auto found =
        std::find_if(table->begin(), table->end(), [&](const auto &item) { return item.first == parts[i]; });
    const bool last = i + 1 == parts.size();
    if (found == table->end()) {
      table->emplace_back(parts[i], Option{OptionTable{}, override.value.place});
      found = std::prev(table->end());
    }
    if (last) {
      found->second = override.value;
      return;
    }
    table = std::get_if<OptionTable>(&found->second.value);
    if (table == nullptr) {
      throw Error(ErrorKind::config, override.value.place + ": " + in_quotes(parts[i]) + " is no table but " +
                                         describe(found->second));
    }
  }
}

void read_generation(TableReader &reader, OptionDeclarations declared, GenerationConfig &out) {
  for (const OptionDeclaration *d : declared) {
    const std::string key(d->name);
    const Option *option = reader.find(key);
    if (option == nullptr) continue;
    if (const auto wrong = mismatch(*d, *option)) reader.fail_type(key, wrong->required, *wrong->found);
    out.set(*d, *option, is_of_command_line(*option) ? OptionSource::flag : OptionSource::file);
  }
}

/// An option of a section is declared as "section.key".
void read_run_options(TableReader &top, const fs::path &folder, RunConfig &out) {
  std::map<std::string, TableReader> sections;
  const OptionTable none;
  for (const RunOption &option : run_options()) {
    const std::string name(option.declared.name), section = name.substr(0, name.find('.'));
    const bool inside = section != name;
    if (inside && !sections.contains(section)) {
      const OptionTable *table = top.table(section);
      sections.emplace(section, TableReader(table != nullptr ? *table : none, section));
    }
    TableReader &reader = inside ? sections.at(section) : top;
    const std::string key = inside ? name.substr(section.size() + 1) : name;
    const Option *value = reader.find(key);
    if (value == nullptr) continue;
    if (const auto wrong = mismatch(option.declared, *value))
      reader.fail_type(key, wrong->required, *wrong->found);
    option.store(reader, *value, folder, out);
    out.given.emplace_back(name, *value);
  }
  for (const auto &[name, section] : sections) section.finish({&top});
}

}  // namespace

RunConfig read_run_config(const OptionTable &top, const fs::path &folder, OptionDeclarations declared) {
  RunConfig config;
  TableReader reader(top, "");
  read_run_options(reader, folder, config);
  if (const OptionTable *options = reader.table("cache_config")) config.cache_config = *options;
  read_cache_layers(reader, config);
  const OptionTable none, *section = reader.table("generation");
  TableReader generation(section != nullptr ? *section : none, "generation");
  read_generation(generation, declared, config.generation);
  generation.finish({&reader});
  reader.finish({&generation});
  return config;
}

namespace {

RunConfig from_tree(OptionTable tree, const fs::path &folder, const std::vector<Override> &overrides,
                    OptionDeclarations generation) {
  for (const Override &override : overrides) apply(tree, override);
  return read_run_config(tree, folder, generation);
}

}  // namespace

Override parse_set(std::string_view text) {
  const std::string place = "--set " + printable(text, 200);
  const size_t equals = text.find('=');
  const std::string key(text.substr(0, equals));
  const bool bad_key = key.empty() || key.front() == '.' || key.back() == '.' ||
                       key.find("..") != std::string::npos || key.find(' ') != std::string::npos;
  if (equals == std::string_view::npos || bad_key) {
    throw Error(ErrorKind::config, place + ": expected KEY=VALUE, as in cache_config.nbits=4");
  }
  return {key, parse_toml_value(text.substr(equals + 1), place)};
}

RunConfig load_run_config(const std::optional<fs::path> &file, const std::vector<Override> &overrides,
                          OptionDeclarations generation) {
  return file ? from_tree(read_options(*file), file->parent_path(), overrides, generation)
              : from_tree({}, "", overrides, generation);
}

RunConfig parse_run_config(std::string_view text, const std::string &name, const fs::path &folder,
                           const std::vector<Override> &overrides, OptionDeclarations generation) {
  return from_tree(parse_options(text, name), folder, overrides, generation);
}

}  // namespace kvern::config
