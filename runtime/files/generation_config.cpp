#include "runtime/files/generation_config.hpp"

#include <algorithm>
#include <array>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "runtime/files/json_option.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::files {
namespace {

using nlohmann::json;

/// Defaults of transformers 4.47.1 for keys that may be no option here. A value that equals its default asks for nothing.
/// A declared option's default is its declaration's; its entry here is not read.
const json &defaults_of_transformers() {
  static const json defaults = json::parse(R"({
    "assistant_confidence_threshold": 0.4, "assistant_lookbehind": 10, "diversity_penalty": 0.0, "early_stopping": false,
    "encoder_no_repeat_ngram_size": 0, "encoder_repetition_penalty": 1.0, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0,
    "generation_kwargs": {}, "is_assistant": false, "length_penalty": 1.0, "min_length": 0, "no_repeat_ngram_size": 0,
    "num_assistant_tokens": 20, "num_assistant_tokens_schedule": "constant", "num_beam_groups": 1, "num_beams": 1,
    "output_attentions": false, "output_hidden_states": false, "output_scores": false, "remove_invalid_values": false,
    "renormalize_logits": false, "return_dict_in_generate": false, "target_lookbehind": 10, "token_healing": false,
    "typical_p": 1.0})");
  return defaults;
}

bool means_nothing(const std::string &key, const json &value) {
  constexpr std::array kSilent = {"transformers_version", "_from_model_config", "_commit_hash"};
  if (value.is_null() || std::find(kSilent.begin(), kSilent.end(), key) != kSilent.end()) return true;
  const json &defaults = defaults_of_transformers();
  return defaults.contains(key) && defaults.at(key) == value;
}

std::string found_text(const Option &option) {
  if (const auto *text = std::get_if<std::string>(&option.value)) return "the string " + in_quotes(*text);
  if (const auto *integer = std::get_if<int64_t>(&option.value))
    return "the integer " + std::to_string(*integer);
  if (std::holds_alternative<bool>(option.value)) return "a boolean";
  if (const auto *number = std::get_if<double>(&option.value)) {
    std::ostringstream out;
    out << "the number " << *number;
    return out.str();
  }
  return std::holds_alternative<OptionTable>(option.value) ? "a table" : "a list";
}

/// Old files write -1 for "there is no such token".
bool is_no_token(const std::string &key, const json &value) {
  return key.size() > 9 && key.compare(key.size() - 9, 9, "_token_id") == 0 && value == -1;
}

void take(const JsonObject &object, const std::string &place, const OptionDeclaration &d,
          GenerationConfig &out) {
  const std::string key(d.name);
  const json &value = object.raw().at(key);
  if (is_no_token(key, value)) return;
  const Option option = option_of(value, place);
  if (const auto wrong = type_mismatch(d, option))
    object.fail(key, "expected " + wrong->required + ", found " + found_text(*wrong->found));
  out.set(d, option, OptionSource::model);
}

void take_cache(const JsonObject &object, GenerationFile &out) {
  if (object.has("cache_implementation")) out.cache_implementation = object.string("cache_implementation");
  if (!object.has("cache_config")) return;
  if (!object.is_object("cache_config")) object.fail("cache_config", "expected a table");
  const Option table = option_of(object.raw().at("cache_config"), object.place("cache_config"));
  out.cache_config = std::get<OptionTable>(table.value);
}

GenerationFile from_json(const JsonObject &object, const std::string &place, OptionDeclarations declared) {
  GenerationFile out;
  out.place = place;
  for (const OptionDeclaration *d : declared)
    if (object.has(std::string(d->name))) take(object, place, *d, out.options);
  take_cache(object, out);
  for (const std::string &key : object.keys()) {
    const bool used =
        find_option(declared, key) != nullptr || key == "cache_implementation" || key == "cache_config";
    if (!used && !means_nothing(key, object.raw().at(key))) out.not_used.push_back(key);
  }
  return out;
}

}  // namespace

GenerationFile parse_generation_config(std::string_view text, const std::string &place,
                                       OptionDeclarations declared) {
  return from_json(JsonObject::parse(text, place), place, declared);
}

GenerationFile read_generation_config(const std::filesystem::path &folder, const ModelConfig &config,
                                      OptionDeclarations declared) {
  const std::filesystem::path path = folder / "generation_config.json";
  const std::string place = printable(path.string(), 4096);
  if (is_present(path)) return from_json(JsonObject::read(path), place, declared);
  GenerationFile old = from_json(config, printable((folder / "config.json").string(), 4096), declared);
  old.not_used.clear();
  return old;
}

}  // namespace kvern::files
