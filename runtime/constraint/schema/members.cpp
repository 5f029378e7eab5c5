#include "runtime/constraint/schema/members.hpp"

#include "runtime/constraint/regex.hpp"

namespace kvern::constraint {

std::vector<Subschema> prefix_schemas(const SchemaDocument &document, const Subschema &part) {
  const bool old_form = part.has("items") && part.at("items").is_array();
  const char *key = part.has("prefixItems") ? "prefixItems" : old_form ? "items" : nullptr;
  std::vector<Subschema> schemas;
  if (key == nullptr) return schemas;
  for (size_t i = 0; i < document.list(part, key).size(); ++i) schemas.push_back(part.child(key, i));
  return schemas;
}

std::optional<Subschema> rest_schema(const SchemaDocument &, const Subschema &part) {
  if (part.has("items") && !part.at("items").is_array()) return part.child("items");
  const bool old_form = part.has("items");
  return old_form && part.has("additionalItems") ? std::optional(part.child("additionalItems"))
                                                 : std::nullopt;
}

std::optional<Subschema> item_schema(const SchemaDocument &document, const Subschema &part, size_t i) {
  const auto prefix = prefix_schemas(document, part);
  return i < prefix.size() ? std::optional(prefix[i]) : rest_schema(document, part);
}

std::vector<std::string> name_patterns(const SchemaDocument &document, const Subschema &part) {
  return part.has("patternProperties") ? keys_of(document.table(part, "patternProperties"))
                                       : std::vector<std::string>();
}

CharAutomaton names_of_pattern(const SchemaDocument &document, const Subschema &part,
                               const std::string &pattern) {
  return regex_automaton(pattern, RegexMatch::anywhere,
                         document.name() + ": " + part.path + "/patternProperties");
}

std::vector<Subschema> property_schemas(const SchemaDocument &document, const Subschema &part,
                                        const std::string &name) {
  std::vector<Subschema> schemas;
  if (part.has("properties") && document.table(part, "properties").contains(name))
    schemas.push_back(part.child("properties", name));
  for (const std::string &pattern : name_patterns(document, part))
    if (names_of_pattern(document, part, pattern).matches(name))
      schemas.push_back(part.child("patternProperties", pattern));
  if (schemas.empty() && part.has("additionalProperties"))
    schemas.push_back(part.child("additionalProperties"));
  return schemas;
}

}  // namespace kvern::constraint
