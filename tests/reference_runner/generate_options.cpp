#include "tests/reference_runner/generate_options.hpp"

#include "runtime/files/generation_config.hpp"
#include "runtime/files/json_option.hpp"
#include "runtime/models/load.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {
namespace {

/// Keywords that are no options of generation: which cache.
bool set_other(const std::string &key, const Json &value, GenerateOptions &options) {
  if (key == "cache_implementation") options.cache = value.get<std::string>();
  if (key == "cache_config") options.cache_config = cache_config_of(value);
  return key == "cache_implementation" || key == "cache_config";
}

/// null: as if it were not given; for what may be none, and for lists, none.
void set_null(const OptionDeclaration &declared, GenerationConfig &config) {
  if (declared.optional) config.set_none(declared, OptionSource::caller);
  if (declared.type == OptionType::integers) config.set(declared, {OptionArray{}, ""}, OptionSource::caller);
}

GenerationConfig over_defaults(const Json &kwargs, GenerateOptions &options) {
  GenerationConfig config;
  for (const auto &[key, value] : kwargs.items()) {
    const auto *declared = find_option(generation_options(), key);
    if (declared != nullptr && value.is_null()) set_null(*declared, config);
    if (value.is_null()) continue;
    if (declared != nullptr)
      set_option(config, key, files::option_of(value, ""));
    else if (!set_other(key, value, options))
      skip("option not offered: " + key);
  }
  return config;
}

}  // namespace

namespace {

/// The folder's, or those that the case records.
GenerationConfig model_options(const Case &c, const std::filesystem::path &folder,
                               OptionDeclarations declared) {
  const Json inputs = c.json.value("inputs", Json::object());
  if (inputs.is_object() && inputs.contains("generation_config"))
    return files::parse_generation_config(inputs["generation_config"].dump(), "generation_config", declared)
        .options;
  return files::read_generation_config(folder, read_model_config(folder), declared).options;
}

}  // namespace

OptionTable cache_config_of(const Json &table) {
  OptionTable options;
  for (const auto &[key, value] : table.items()) {
    if (key == "type" || key == "backend" || key == "device" || value.is_null()) continue;
    Option option;
    if (value.is_boolean()) option.value = value.get<bool>();
    if (value.is_number_integer()) option.value = value.get<int64_t>();
    if (value.is_number_float()) option.value = value.get<double>();
    if (value.is_string()) option.value = value.get<std::string>();
    options.emplace_back(key, std::move(option));
  }
  return options;
}

GenerateOptions generate_options(const Case &c) {
  const auto folder = model_folder(c);
  GenerateOptions options;
  const auto declared = generation_options();
  options.config = model_options(c, folder, declared);
  options.config.merge(over_defaults(c.json.at("generate_kwargs"), options), declared);
  if (c.json.contains("seed") && c.json["seed"].is_number())
    options.config.seed = c.json["seed"].get<uint64_t>();
  return options;
}

}  // namespace kvern::reference
