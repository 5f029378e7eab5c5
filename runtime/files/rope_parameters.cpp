// Chooses the object that describes the rotation, reads it by type, and fills what stands outside of it.
#include "runtime/files/rope_parameters.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <kvern/error.hpp>
#include <utility>

#include "runtime/support/printable.hpp"

namespace kvern::files {
namespace {

using TypeName = std::pair<RopeType, const char *>;
constexpr std::array<TypeName, 6> kTypes{{{RopeType::standard, "default"},
                                          {RopeType::linear, "linear"},
                                          {RopeType::dynamic, "dynamic"},
                                          {RopeType::yarn, "yarn"},
                                          {RopeType::longrope, "longrope"},
                                          {RopeType::llama3, "llama3"}}};

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const auto &[type, name] : kTypes) names.emplace_back(name);
  return names;
}

// The first files of Phi-3 say "su" or "yarn" where "longrope" is meant.
RopeType read_type(const JsonObject &rope) {
  const std::string key = rope.has("rope_type") ? "rope_type" : "type";
  const std::string name = rope.string(key, "default");
  if (name == "su" || (name == "yarn" && rope.has("short_factor") && !rope.has("factor")))
    return RopeType::longrope;
  for (const auto &[type, known] : kTypes) {
    if (name == known) return type;
  }
  std::string list;
  for (const std::string &known : type_names()) list += (list.empty() ? "" : ", ") + known;
  rope.fail(key, "the type " + in_quotes(name) + " is unknown; known are " + list +
                     did_you_mean(name, type_names()));
}

double positive(const JsonObject &object, const std::string &key) {
  const double value = object.number(key);
  if (std::isfinite(value) && value > 0) return value;
  object.fail(key, "expected a finite number above 0");
}

std::optional<double> optional_number(const JsonObject &object, const std::string &key) {
  if (!object.has(key)) return std::nullopt;
  return object.number(key);
}

// transformers 5 may keep one object per layer type.
bool is_per_layer_type(const JsonObject &rope) {
  const std::vector<std::string> keys = rope.keys();
  return std::any_of(keys.begin(), keys.end(), [&](const std::string &key) { return rope.is_object(key); });
}

std::optional<JsonObject> rope_object(const JsonObject &config, const std::string &layer_type) {
  const char *key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!config.has(key)) return std::nullopt;
  const JsonObject rope = config.object(key);
  if (!is_per_layer_type(rope)) return rope;
  if (layer_type.empty())
    config.fail(key, "has one object per layer type; this model should have one for all layers");
  return rope.object(layer_type);
}

// The value inside the rope object, else at the top under any of `names`, else the family's.
double inside_or_above(const std::optional<JsonObject> &rope, const JsonObject &config,
                       std::initializer_list<const char *> names, double otherwise) {
  for (const char *name : names) {
    if (rope && rope->has(name)) return positive(*rope, name);
    if (config.has(name)) return positive(config, name);
  }
  return otherwise;
}

void read_longrope(const JsonObject &rope, RopeParameters &out) {
  out.short_factor = rope.numbers("short_factor");
  out.long_factor = rope.numbers("long_factor");
  if (out.short_factor.size() == out.long_factor.size()) return;
  rope.fail("long_factor", "has " + std::to_string(out.long_factor.size()) + " numbers, short_factor " +
                               std::to_string(out.short_factor.size()) +
                               "; both should have one per rotated pair");
}

void read_llama3(const JsonObject &rope, RopeParameters &out) {
  out.low_freq_factor = positive(rope, "low_freq_factor");
  out.high_freq_factor = positive(rope, "high_freq_factor");
  if (out.high_freq_factor > out.low_freq_factor) return;
  rope.fail("high_freq_factor", "should be above low_freq_factor");
}

void read_yarn(const JsonObject &rope, RopeParameters &out) {
  if (rope.has("beta_fast")) out.beta_fast = positive(rope, "beta_fast");
  if (rope.has("beta_slow")) out.beta_slow = positive(rope, "beta_slow");
  out.truncate = rope.boolean("truncate", true);
}

// Context length of pretraining: the key beside the rope object takes precedence over the one inside; types that stretch
// default to max_position_embeddings.
void read_original_length(const JsonObject &config, const JsonObject &rope, RopeParameters &out) {
  constexpr const char *kOriginal = "original_max_position_embeddings", *kNow = "max_position_embeddings";
  const bool stretches =
      out.type == RopeType::llama3 || out.type == RopeType::yarn || out.type == RopeType::longrope;
  if (config.has(kOriginal)) {
    out.original_max_position_embeddings = config.size(kOriginal);
  } else if (rope.has(kOriginal)) {
    out.original_max_position_embeddings = rope.size(kOriginal);
  } else if (stretches) {
    out.original_max_position_embeddings = config.size(kNow);
  }
}

void read_factor(const JsonObject &config, const JsonObject &rope, RopeParameters &out) {
  const bool from_lengths = out.type == RopeType::yarn || out.type == RopeType::longrope;
  if (from_lengths && !rope.has("factor")) {
    out.factor = static_cast<double>(config.size("max_position_embeddings")) /
                 static_cast<double>(*out.original_max_position_embeddings);
  } else {
    out.factor = positive(rope, "factor");
  }
}

void read_scaling(const JsonObject &config, const JsonObject &rope, RopeParameters &out) {
  out.type = read_type(rope);
  if (out.type == RopeType::standard) return;
  read_original_length(config, rope, out);
  read_factor(config, rope, out);
  out.attention_factor = optional_number(rope, "attention_factor");
  out.mscale = optional_number(rope, "mscale");
  out.mscale_all_dim = optional_number(rope, "mscale_all_dim");
  if (out.type == RopeType::longrope) read_longrope(rope, out);
  if (out.type == RopeType::yarn) read_yarn(rope, out);
  if (out.type == RopeType::llama3) read_llama3(rope, out);
}

}  // namespace

std::string rope_type_name(RopeType type) {
  return std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName &t) { return t.first == type; })
      ->second;
}

RopeParameters read_rope_parameters(const JsonObject &config, const RopeDefaults &defaults,
                                    const std::string &layer_type) {
  RopeParameters out;
  const std::optional<JsonObject> rope = rope_object(config, layer_type);
  if (rope) read_scaling(config, *rope, out);
  out.theta = inside_or_above(rope, config, {"rotary_emb_base", "rope_theta"}, defaults.theta);
  out.partial_rotary_factor =
      inside_or_above(rope, config, {"rotary_pct", "partial_rotary_factor"}, defaults.partial_rotary_factor);
  if (out.partial_rotary_factor > 1) config.fail("partial_rotary_factor", "should be at most 1");
  return out;
}

}  // namespace kvern::files
