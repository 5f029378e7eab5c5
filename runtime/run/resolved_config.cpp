#include "runtime/run/resolved_config.hpp"

#include "runtime/config/option_text.hpp"
#include "runtime/config/run_options.hpp"
#include "runtime/run/cache_config.hpp"

namespace kvern {
namespace {

const char *const kDefault = "default";
const char *const kOfModel = "generation_config.json";

bool same(const std::optional<Option> &a, const std::optional<Option> &b) {
  return a && b ? config::same_option(*a, *b) : a.has_value() == b.has_value();
}

void add_run_options(const config::RunConfig &run, bool names_cache, std::vector<ResolvedValue> &to) {
  for (const auto &option : config::run_options()) {
    const std::string name(option.declared.name), section = name.substr(0, name.find('.'));
    const bool inside = section != name;
    ResolvedValue v{inside ? section : "", inside ? name.substr(section.size() + 1) : name, option.get(run),
                    kDefault};
    if (const Option *given = config::find_option(run.given, option.declared.name)) v.source = given->place;
    const bool of_model = v.key == "cache_implementation" && !names_cache && run.names_cache;
    if (of_model) v.source = kOfModel;
    v.is_default = same(v.value, default_of(option.declared));
    to.push_back(std::move(v));
  }
}

void add_cache_config(const config::RunConfig &run, const kvern_plugin &plugin,
                      std::vector<ResolvedValue> &to) {
  const auto cache = CacheConfig::from_dict(plugin, run.cache_config);
  const OptionTable diff = cache.to_diff_dict();
  for (auto &[key, option] : cache.to_dict()) {
    const Option *given = config::find_option(run.cache_config, key);
    const std::string source = given == nullptr ? kDefault : given->place.empty() ? kOfModel : given->place;
    const bool is_default = config::find_option(diff, key) == nullptr;
    to.push_back({"cache_config", key, option, source, is_default});
  }
}

std::string source_text(const OptionValue &value) {
  if (value.source == OptionSource::built_in) return kDefault;
  if (value.source == OptionSource::model) return kOfModel;
  return value.place;
}

void add_generation(const GenerationConfig &generation, std::vector<ResolvedValue> &to) {
  for (const OptionDeclaration *declared : generation_options()) {
    ResolvedValue v{"generation", std::string(declared->name), default_of(*declared), kDefault, true};
    if (const OptionValue *set = generation.find(*declared)) {
      v.value = set->value;
      v.source = source_text(*set);
      v.is_default = set->source == OptionSource::built_in || same(v.value, default_of(*declared));
      if (!v.value && !v.is_default) v.value = Option{std::string("none"), ""};
    }
    to.push_back(std::move(v));
  }
}

OptionTable &section_of(OptionTable &top, const std::string &name) {
  if (name.empty()) return top;
  for (auto &[key, option] : top)
    if (key == name) return std::get<OptionTable>(option.value);
  top.emplace_back(name, Option{OptionTable{}, ""});
  return std::get<OptionTable>(top.back().second.value);
}

}  // namespace

std::vector<ResolvedValue> resolve_config(config::RunConfig run) {
  const bool names_cache = run.names_cache;
  const std::string cache_before = run.cache_implementation;
  take_cache_of_model(run);
  if (run.cache_implementation != cache_before) run.names_cache = true;
  const auto found = check_cache(run);
  const auto folder = run.model ? *run.model : built_in_model();
  std::vector<ResolvedValue> values;
  add_run_options(run, names_cache, values);
  add_cache_config(run, *found.plugin, values);
  add_generation(resolve_generation(run, read_generation_file(folder).options), values);
  return values;
}

OptionTable as_options(const std::vector<ResolvedValue> &values, bool only_diff) {
  OptionTable top;
  for (const auto &v : values)
    if (v.value && !(only_diff && v.is_default)) section_of(top, v.section).emplace_back(v.key, *v.value);
  return top;
}

}  // namespace kvern
