// Text to tree, overrides into the tree, tree to structure: all three say where a wrong value came from.
#include "runtime/config/run_config.hpp"

#include <algorithm>
#include <array>
#include <kvern/error.hpp>
#include <sstream>
#include <utility>

#include "runtime/config/byte_size.hpp"
#include "runtime/config/json.hpp"
#include "runtime/config/table_reader.hpp"
#include "runtime/config/text/cursor.hpp"
#include "runtime/config/toml.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::config {
namespace {

namespace fs = std::filesystem;

bool is_override(const Option &option) { return option.place.rfind("--", 0) == 0; }

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

constexpr std::array<std::pair<const char *, const char *>, 10> kDtypes{{{"float32", "float32"},
                                                                         {"f32", "float32"},
                                                                         {"fp32", "float32"},
                                                                         {"bfloat16", "bfloat16"},
                                                                         {"bf16", "bfloat16"},
                                                                         {"float16", "float16"},
                                                                         {"f16", "float16"},
                                                                         {"fp16", "float16"},
                                                                         {"half", "float16"},
                                                                         {"float", "float32"}}};

void read_dtype(TableReader &reader, const std::string &key, std::optional<std::string> &out) {
  std::optional<std::string> name;
  reader.read(key, name);
  if (!name) return;
  for (const auto &[known, meaning] : kDtypes) {
    if (*name == known) out = meaning;
  }
  if (!out) {
    reader.fail(key, "the type " + in_quotes(*name) + " is unknown; known are float32, bfloat16, float16" +
                         did_you_mean(*name, {"float32", "bfloat16", "float16"}));
  }
}

void read_memory_budget(TableReader &reader, std::optional<int64_t> &out) {
  constexpr const char *kKey = "memory_budget";
  const Option *option = reader.find(kKey);
  if (option == nullptr) return;
  if (const int64_t *bytes = std::get_if<int64_t>(&option->value); bytes != nullptr && *bytes > 0)
    out = *bytes;
  if (const auto *text = std::get_if<std::string>(&option->value)) out = parse_byte_size(*text);
  if (!out) {
    reader.fail(kKey, "expected bytes or an amount like \"2GB\" or \"512MiB\", found " + describe(*option));
  }
}

fs::path resolve(const std::string &path, const Option &option, const fs::path &folder) {
  const fs::path given(path);
  if (given.is_absolute() || is_override(option)) return given;
  std::error_code ignored;
  return fs::exists(folder / given, ignored) ? folder / given : given;
}

void read_paths(TableReader &reader, const fs::path &folder, RunConfig &out) {
  std::optional<std::string> model;
  reader.read("model", model);
  if (model) out.model = resolve(*model, *reader.find("model"), folder);
  std::optional<std::vector<std::string>> plugins;
  reader.read("plugin_path", plugins);
  if (!plugins) return;
  for (const std::string &path : *plugins)
    out.plugin_path.push_back(resolve(path, *reader.find("plugin_path"), folder));
}

// A name, or, with a '/' in it, a path to a library.
void read_cache(TableReader &reader, const fs::path &folder, RunConfig &out) {
  constexpr const char *kKey = "cache_implementation";
  std::optional<std::string> name;
  reader.read(kKey, name);
  if (!name) return;
  out.names_cache = true;
  const bool is_path = name->find('/') != std::string::npos;
  out.cache_implementation = is_path ? resolve(*name, *reader.find(kKey), folder).string() : *name;
}

void read_generation(TableReader &reader, OptionDeclarations declared, GenerationConfig &out) {
  for (const OptionDeclaration *d : declared) {
    const std::string key(d->name);
    const Option *option = reader.find(key);
    if (option == nullptr) continue;
    if (const auto wrong = mismatch(*d, *option)) reader.fail_type(key, wrong->required, *wrong->found);
    out.set(*d, *option, is_override(*option) ? OptionSource::flag : OptionSource::file);
  }
}

RunConfig read_tree(const OptionTable &top, const fs::path &folder, OptionDeclarations declared) {
  RunConfig config;
  TableReader reader(top, "");
  read_paths(reader, folder, config);
  read_dtype(reader, "dtype", config.dtype);
  read_dtype(reader, "cache_dtype", config.cache_dtype);
  reader.read("threads", config.threads, 1);
  reader.read("seed", config.seed, 0);
  read_memory_budget(reader, config.memory_budget);
  read_cache(reader, folder, config);
  if (const OptionTable *options = reader.table("cache_config")) config.cache_config = *options;
  const OptionTable none, *section = reader.table("generation");
  TableReader generation(section != nullptr ? *section : none, "generation");
  read_generation(generation, declared, config.generation);
  generation.finish({&reader});
  reader.finish({&generation});
  return config;
}

// The tree of a configuration, which is JSON where its name says so or it begins with a brace, else TOML.
OptionTable parse_text(std::string_view text, const std::string &name) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool braces = first != std::string_view::npos && text[first] == '{';
  return braces || name.ends_with(".json") ? parse_json(text, name) : parse_toml(text, name);
}

std::string read_text(const fs::path &path) {
  try {
    return read_file(path, ErrorKind::config, kMaxText);
  } catch (const Error &error) {
    throw Error(error.kind(), std::string(error.what()) + "; a configuration is a TOML or JSON file");
  }
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
  if (!file) return parse_run_config("", "", "", overrides, generation);
  return parse_run_config(read_text(*file), printable(file->string(), 4096), file->parent_path(), overrides,
                          generation);
}

RunConfig parse_run_config(std::string_view text, const std::string &name, const fs::path &folder,
                           const std::vector<Override> &overrides, OptionDeclarations generation) {
  OptionTable tree = parse_text(text, name);
  for (const Override &override : overrides) apply(tree, override);
  return read_tree(tree, folder, generation);
}

}  // namespace kvern::config
