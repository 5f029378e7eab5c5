#include "runtime/constraint/testing/slow_validator.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/tokenizer/text/regex.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::test {
namespace {

using Json = nlohmann::json;

bool is_type(const std::string &type, const Json &v) {
  if (type == "integer") return v.is_number() && v.get<double>() == std::floor(v.get<double>());
  if (type == "number") return v.is_number();
  return type == "null"      ? v.is_null()
         : type == "boolean" ? v.is_boolean()
         : type == "string"  ? v.is_string()
         : type == "array"   ? v.is_array()
                             : v.is_object();
}

bool type_holds(const Json &type, const Json &v) {
  if (type.is_string()) return is_type(type.get<std::string>(), v);
  return std::any_of(type.begin(), type.end(),
                     [&](const Json &t) { return is_type(t.get<std::string>(), v); });
}

bool number_holds(const Json &s, const Json &v) {
  const double x = v.get<double>();
  if (s.contains("minimum") && x < s["minimum"].get<double>()) return false;
  if (s.contains("maximum") && x > s["maximum"].get<double>()) return false;
  if (s.contains("exclusiveMinimum") && x <= s["exclusiveMinimum"].get<double>()) return false;
  if (s.contains("exclusiveMaximum") && x >= s["exclusiveMaximum"].get<double>()) return false;
  return !s.contains("multipleOf") || std::fmod(x, s["multipleOf"].get<double>()) == 0;
}

bool string_holds(const Json &s, const Json &v) {
  const auto text = v.get<std::string>();
  const auto n = tokenizer::count_chars(text);
  if (s.contains("minLength") && n < s["minLength"].get<size_t>()) return false;
  if (s.contains("maxLength") && n > s["maxLength"].get<size_t>()) return false;
  return !s.contains("pattern") || found(s["pattern"].get<std::string>(), text, false);
}

bool array_holds(const Json &root, const Json &s, const Json &v) {
  if (s.contains("minItems") && v.size() < s["minItems"].get<size_t>()) return false;
  if (s.contains("maxItems") && v.size() > s["maxItems"].get<size_t>()) return false;
  const size_t prefix = s.contains("prefixItems") ? s["prefixItems"].size() : 0;
  for (size_t i = 0; i < v.size(); ++i) {
    if (i < prefix && !meets(root, s["prefixItems"][i], v[i])) return false;
    if (i >= prefix && s.contains("items") && !meets(root, s["items"], v[i])) return false;
  }
  return true;
}

bool property_holds(const Json &root, const Json &s, const std::string &name, const Json &v) {
  bool known = s.contains("properties") && s["properties"].contains(name);
  if (known && !meets(root, s["properties"][name], v)) return false;
  if (s.contains("patternProperties"))
    for (const auto &[pattern, schema] : s["patternProperties"].items()) {
      if (!found(pattern, name, false)) continue;
      known = true;
      if (!meets(root, schema, v)) return false;
    }
  if (s.contains("propertyNames") && !meets(root, s["propertyNames"], name)) return false;
  return known || !s.contains("additionalProperties") || meets(root, s["additionalProperties"], v);
}

bool object_holds(const Json &root, const Json &s, const Json &v) {
  if (s.contains("minProperties") && v.size() < s["minProperties"].get<size_t>()) return false;
  if (s.contains("maxProperties") && v.size() > s["maxProperties"].get<size_t>()) return false;
  if (s.contains("required"))
    for (const Json &name : s["required"])
      if (!v.contains(name.get<std::string>())) return false;
  return std::all_of(v.items().begin(), v.items().end(),
                     [&](const auto &item) { return property_holds(root, s, item.key(), item.value()); });
}

bool combined_holds(const Json &root, const Json &s, const Json &v) {
  const auto count = [&](const char *key) {
    return std::count_if(s[key].begin(), s[key].end(),
                         [&](const Json &part) { return meets(root, part, v); });
  };
  if (s.contains("$ref") &&
      !meets(root, root.at(Json::json_pointer(s["$ref"].get<std::string>().substr(1))), v))
    return false;
  if (s.contains("allOf") && count("allOf") != static_cast<ptrdiff_t>(s["allOf"].size())) return false;
  return (!s.contains("anyOf") || count("anyOf") > 0) && (!s.contains("oneOf") || count("oneOf") == 1);
}

}  // namespace

bool found(const std::string &pattern, const std::string &text, bool whole) {
  static std::map<std::string, tokenizer::Regex> compiled;
  const std::string all = whole ? "\\A(?:" + pattern + ")\\z" : pattern;
  const auto entry = compiled.try_emplace(all, all).first;
  const auto matches = entry->second.find_all(text);
  return std::any_of(matches.begin(), matches.end(), [](const auto &match) { return match.hit; });
}

bool meets(const Json &root, const Json &s, const Json &v) {
  if (s.is_boolean()) return s.get<bool>();
  if (!combined_holds(root, s, v)) return false;
  if (s.contains("type") && !type_holds(s["type"], v)) return false;
  if (s.contains("const") && s["const"] != v) return false;
  if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end()) return false;
  if (v.is_number()) return number_holds(s, v);
  if (v.is_string()) return string_holds(s, v);
  if (v.is_array()) return array_holds(root, s, v);
  return !v.is_object() || object_holds(root, s, v);
}

}  // namespace kvern::test
