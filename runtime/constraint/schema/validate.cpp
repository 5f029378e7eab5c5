#include "runtime/constraint/schema/validate.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <set>

#include "runtime/constraint/regex.hpp"
#include "runtime/constraint/schema/members.hpp"
#include "runtime/constraint/schema/keywords.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::constraint {
namespace {

unsigned type_of(const Json &value) {
  if (value.is_null()) return kNull;
  if (value.is_boolean()) return kBoolean;
  if (value.is_string()) return kString;
  if (value.is_array()) return kArray;
  if (value.is_object()) return kObject;
  return parse_decimal(value.dump()).is_integer() ? kInteger : kFraction;
}

class Validator {
 public:
  explicit Validator(const SchemaDocument &document) : document_(document), merger_(document) {}

  bool holds(const Subschema &schema, const Json &value) { return holds(merger_.merge({schema}), value); }

  bool holds(const Merged &merged, const Json &value) {
    if (merged.impossible || (type_of(value) & merged.types) == 0) return false;
    return enums_hold(merged, value) && choices_hold(merged, value) && kind_holds(merged, value);
  }

 private:
  bool kind_holds(const Merged &merged, const Json &value) {
    if (value.is_string()) return string_holds(merged, value.get<std::string>());
    if (value.is_array()) return array_holds(merged, value);
    if (value.is_object()) return object_holds(merged, value);
    return !value.is_number() || number_holds(merged.range, parse_decimal(value.dump()));
  }

  static bool enums_hold(const Merged &merged, const Json &value) {
    return std::all_of(merged.enums.begin(), merged.enums.end(), [&](const Subschema &s) {
      const auto equal = [&](const Json &item) { return same_json(item, value); };
      const bool listed = !s.has("enum") || std::any_of(s.at("enum").begin(), s.at("enum").end(), equal);
      return listed && (!s.has("const") || equal(s.at("const")));
    });
  }

  bool choices_hold(const Merged &merged, const Json &value) {
    return std::all_of(merged.choices.begin(), merged.choices.end(), [&](const Choice &choice) {
      const auto n = std::count_if(choice.alternatives.begin(), choice.alternatives.end(),
                                   [&](const Subschema &s) { return holds(s, value); });
      return choice.exactly_one ? n == 1 : n > 0;
    });
  }

  static bool number_holds(const NumberRange &range, const Decimal &value) {
    if (!range.contains(value) || (range.integers && !value.is_integer())) return false;
    int64_t remainder = 0;
    for (const char c : value.whole) remainder = (remainder * 10 + (c - '0')) % range.multiple_of;
    return remainder == 0;
  }

  static bool string_holds(const Merged &merged, const std::string &text) {
    const auto n = static_cast<int64_t>(tokenizer::count_chars(text));
    if (n < merged.min_length || (merged.max_length && n > *merged.max_length)) return false;
    return std::all_of(merged.patterns.begin(), merged.patterns.end(), [&](const Pattern &pattern) {
      const auto match = pattern.whole ? RegexMatch::whole : RegexMatch::anywhere;
      return regex_automaton(pattern.regex, match, pattern.place).matches(text);
    });
  }

  bool array_holds(const Merged &merged, const Json &value) {
    const auto n = static_cast<int64_t>(value.size());
    if (n < merged.min_items || (merged.max_items && n > *merged.max_items)) return false;
    for (const Subschema &part : merged.parts)
      for (size_t i = 0; i < value.size(); ++i)
        if (const auto schema = item_schema(document_, part, i); schema && !holds(*schema, value[i]))
          return false;
    return true;
  }

  bool object_holds(const Merged &merged, const Json &value) {
    const auto n = static_cast<int64_t>(value.size());
    if (n < merged.min_properties || (merged.max_properties && n > *merged.max_properties)) return false;
    for (const std::string &name : merged.required)
      if (!value.contains(name)) return false;
    for (const Subschema &part : merged.parts)
      for (const auto &[name, item] : value.items()) {
        if (part.has("propertyNames") && !holds(part.child("propertyNames"), Json(name))) return false;
        for (const Subschema &schema : property_schemas(document_, part, name))
          if (!holds(schema, item)) return false;
      }
    return true;
  }

  const SchemaDocument &document_;
  SchemaMerger merger_;
};

}  // namespace

bool is_valid(const SchemaDocument &document, const Subschema &schema, const Json &value) {
  return Validator(document).holds(schema, value);
}

bool is_valid(const SchemaDocument &document, const Merged &merged, const Json &value) {
  return Validator(document).holds(merged, value);
}

bool same_json(const Json &a, const Json &b) { return nlohmann::json(a) == nlohmann::json(b); }

}  // namespace kvern::constraint
