#include "tests/reference_runner/generate_options.hpp"

#include <functional>
#include <map>

#include "runtime/run/generation_defaults.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {
namespace {

using Set = std::function<void(const Json &, GenerateOptions &)>;

const std::map<std::string, Set> &offered() {
  static const std::map<std::string, Set> table{
      {"do_sample", [](const Json &v, auto &o) { o.config.do_sample = v.get<bool>(); }},
      {"max_new_tokens", [](const Json &v, auto &o) { o.config.max_new_tokens = v.get<int64_t>(); }},
      {"max_length",
       [](const Json &v, auto &o) {
         o.config.max_length = v.get<int64_t>();
         o.config.max_new_tokens.reset();
       }},
      {"pad_token_id", [](const Json &v, auto &o) { o.config.pad_token_id = v.get<int64_t>(); }},
      {"use_cache", [](const Json &v, auto &o) { o.config.use_cache = v.get<bool>(); }},
      {"temperature", [](const Json &v, auto &o) { o.config.temperature = v.get<double>(); }},
      {"top_k", [](const Json &v, auto &o) { o.config.top_k = v.get<int64_t>(); }},
      {"top_p", [](const Json &v, auto &o) { o.config.top_p = v.get<double>(); }},
      {"min_p", [](const Json &v, auto &o) { o.config.min_p = v.get<double>(); }},
      {"repetition_penalty", [](const Json &v, auto &o) { o.config.repetition_penalty = v.get<double>(); }},
      {"num_return_sequences",
       [](const Json &v, auto &o) { o.config.num_return_sequences = v.get<int64_t>(); }},
      {"cache_implementation", [](const Json &v, auto &o) { o.cache = v.get<std::string>(); }},
      {"cache_config", [](const Json &v, auto &o) { o.cache_config = cache_config_of(v); }},
      {"eos_token_id",
       [](const Json &v, auto &o) {
         o.config.eos_token_id =
             v.is_array() ? v.get<std::vector<int64_t>>() : std::vector<int64_t>{v.get<int64_t>()};
       }},
      {"num_beams",
       [](const Json &v, auto &) {
         if (v.get<int64_t>() != 1) skip("decoding strategy not offered: beam search");
       }},
  };
  return table;
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
  options.config =
      generation_defaults(files::read_generation_config(folder, files::ModelConfig::read(folder)));
  for (const auto &[key, value] : c.json.at("generate_kwargs").items()) {
    if (value.is_null()) {
      if (key == "eos_token_id") options.config.eos_token_id.clear();
      continue;
    }
    const auto found = offered().find(key);
    if (found == offered().end()) skip("option not offered: " + key);
    found->second(value, options);
  }
  if (c.json.contains("seed") && c.json["seed"].is_number())
    options.config.seed = c.json["seed"].get<uint64_t>();
  return options;
}

}  // namespace kvern::reference
