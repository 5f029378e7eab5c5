#include "runtime/constraint/schema/merged.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <numeric>

#include "runtime/constraint/schema/keywords.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::constraint {
namespace {

constexpr int64_t kMaxMultiple = 1000;

unsigned type_bits(const std::string &name) {
  if (name == "null") return kNull;
  if (name == "boolean") return kBoolean;
  if (name == "integer") return kInteger;
  if (name == "number") return kInteger | kFraction;
  if (name == "string") return kString;
  if (name == "array") return kArray;
  return name == "object" ? unsigned{kObject} : 0u;
}

void lower(std::optional<int64_t> &most, int64_t value) { most = most ? std::min(*most, value) : value; }

/// The types that a schema's keywords are about.
unsigned spoken_types(const Subschema &schema) {
  const auto any = [&](std::initializer_list<const char *> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](const char *key) { return schema.has(key); });
  };
  unsigned bits = 0;
  if (any({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}))
    bits |= kInteger | kFraction;
  if (any({"minLength", "maxLength", "pattern", "format"})) bits |= kString;
  if (any({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"})) bits |= kArray;
  if (any({"properties", "patternProperties", "additionalProperties", "propertyNames", "required",
           "minProperties", "maxProperties"}))
    bits |= kObject;
  return bits;
}

}  // namespace

Merged SchemaMerger::merge(const std::vector<Subschema> &schemas) const {
  Merged merged;
  for (const Subschema &schema : schemas) add(merged, schema, {});
  return merged;
}

Merged SchemaMerger::choose(const Merged &merged, size_t alternative) const {
  Merged chosen = merged;
  const Choice choice = std::move(chosen.choices.front());
  chosen.choices.erase(chosen.choices.begin());
  add(chosen, choice.alternatives[alternative], choice.ancestors);
  return chosen;
}

void SchemaMerger::add(Merged &to, const Subschema &schema, const Ancestors &before) const {
  if (std::find(before.begin(), before.end(), schema.json) != before.end())
    document_.fail(schema, "",
                   "the schema refers to itself without a value between, so that no text meets it");
  if (std::find(to.parts.begin(), to.parts.end(), schema) != to.parts.end()) return;
  if (schema.json->is_boolean()) {
    to.impossible = to.impossible || !schema.json->get<bool>();
    return;
  }
  if (!schema.json->is_object()) document_.fail(schema, "", "a schema is an object, true or false");
  check_keywords(document_, schema);
  to.parts.push_back(schema);
  Ancestors ancestors = before;
  ancestors.push_back(schema.json);
  add_keywords(to, schema);
  if (schema.has("$ref")) add(to, document_.resolve(schema, document_.text(schema, "$ref")), ancestors);
  if (schema.has("allOf"))
    for (size_t i = 0; i < document_.list(schema, "allOf").size(); ++i)
      add(to, schema.child("allOf", i), ancestors);
  add_choice(to, schema, "anyOf", ancestors);
  add_choice(to, schema, "oneOf", ancestors);
}

void SchemaMerger::add_choice(Merged &to, const Subschema &schema, const char *key,
                              const Ancestors &ancestors) const {
  if (!schema.has(key)) return;
  Choice choice{schema, std::string_view(key) == "oneOf", {}, ancestors};
  for (size_t i = 0; i < document_.list(schema, key).size(); ++i)
    choice.alternatives.push_back(schema.child(key, i));
  to.choices.push_back(std::move(choice));
}

void SchemaMerger::add_keywords(Merged &to, const Subschema &schema) const {
  to.spoken_types |= spoken_types(schema);
  add_types(to, schema);
  if (schema.has("enum")) document_.list(schema, "enum");
  if (schema.has("enum") || schema.has("const")) to.enums.push_back(schema);
  add_numbers(to, schema);
  add_strings(to, schema);
  add_counts(to, schema);
  if (schema.has("uniqueItems") && document_.boolean(schema, "uniqueItems") &&
      !(schema.has("maxItems") && document_.count(schema, "maxItems") <= 1))
    document_.fail(schema, "uniqueItems",
                   "the keyword is not supported where there may be more than one item; take it out");
}

void SchemaMerger::add_types(Merged &to, const Subschema &schema) const {
  if (!schema.has("type")) return;
  const Json &value = schema.at("type");
  unsigned bits = 0;
  for (const Json &item : value.is_array() ? value : Json::array({value})) {
    const std::string name = item.is_string() ? item.get<std::string>() : "";
    if (type_bits(name) == 0)
      document_.fail(schema, "type",
                     (name.empty() ? "expected a name or a list of names"
                                   : in_quotes(name) + " is no type" +
                                         did_you_mean(name, {"null", "boolean", "integer", "number", "string",
                                                             "array", "object"})));
    bits |= type_bits(name);
  }
  to.types &= bits;
  to.names_type = true;
}

void SchemaMerger::add_numbers(Merged &to, const Subschema &schema) const {
  const auto bound = [&](const char *key, bool exclusive) {
    if (!schema.at(key).is_number()) document_.fail(schema, key, "expected a number");
    return NumberBound{parse_decimal(schema.at(key).dump()), exclusive};
  };
  if (schema.has("minimum")) to.range.raise_low(bound("minimum", false));
  if (schema.has("exclusiveMinimum")) to.range.raise_low(bound("exclusiveMinimum", true));
  if (schema.has("maximum")) to.range.lower_high(bound("maximum", false));
  if (schema.has("exclusiveMaximum")) to.range.lower_high(bound("exclusiveMaximum", true));
  if (!schema.has("multipleOf")) return;
  const Json &value = schema.at("multipleOf");
  const double n = value.is_number() ? value.get<double>() : 0;
  if (!(n >= 1 && n <= kMaxMultiple && n == static_cast<double>(static_cast<int64_t>(n))))
    document_.fail(schema, "multipleOf",
                   "supported are whole numbers from 1 to " + std::to_string(kMaxMultiple));
  to.range.multiple_of = std::lcm(to.range.multiple_of, static_cast<int64_t>(n));
  to.range.integers = true;
  if (to.range.multiple_of > kMaxMultiple)
    document_.fail(schema, "multipleOf",
                   "with the others that hold here it is above " + std::to_string(kMaxMultiple));
}

void SchemaMerger::add_strings(Merged &to, const Subschema &schema) const {
  if (schema.has("minLength")) to.min_length = std::max(to.min_length, document_.count(schema, "minLength"));
  if (schema.has("maxLength")) lower(to.max_length, document_.count(schema, "maxLength"));
  const auto place = [&](const char *key) { return document_.name() + ": " + schema.path + "/" + key; };
  if (schema.has("pattern"))
    to.patterns.push_back({document_.text(schema, "pattern"), place("pattern"), false});
  if (!schema.has("format")) return;
  const std::string name = document_.text(schema, "format");
  const char *regex = format_regex(name);
  if (regex == nullptr) {
    std::string known;
    for (const std::string &format : format_names()) known += (known.empty() ? "" : ", ") + format;
    document_.fail(schema, "format",
                   "the format " + in_quotes(name) + " is not supported; supported are " + known);
  }
  to.patterns.push_back({regex, place("format"), true});
}

void SchemaMerger::add_counts(Merged &to, const Subschema &schema) const {
  if (schema.has("minItems")) to.min_items = std::max(to.min_items, document_.count(schema, "minItems"));
  if (schema.has("maxItems")) lower(to.max_items, document_.count(schema, "maxItems"));
  if (schema.has("minProperties"))
    to.min_properties = std::max(to.min_properties, document_.count(schema, "minProperties"));
  if (schema.has("maxProperties")) lower(to.max_properties, document_.count(schema, "maxProperties"));
  if (!schema.has("required")) return;
  const Json &names = schema.at("required");
  if (!names.is_array()) document_.fail(schema, "required", "expected a list of names");
  for (const Json &name : names) {
    if (!name.is_string()) document_.fail(schema, "required", "expected a list of names");
    const auto text = name.get<std::string>();
    if (std::find(to.required.begin(), to.required.end(), text) == to.required.end())
      to.required.push_back(text);
  }
}

}  // namespace kvern::constraint
