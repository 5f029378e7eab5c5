// What a schema says of the items of an array and of the properties of an object.
#pragma once
#include <optional>

#include "runtime/constraint/char_automaton.hpp"
#include "runtime/constraint/schema/document.hpp"

namespace kvern::constraint {

/// Items that have a schema of their own: prefixItems, or items that is a list.
std::vector<Subschema> prefix_schemas(const SchemaDocument &document, const Subschema &part);
/// Of all items behind those; none: nothing is said.
std::optional<Subschema> rest_schema(const SchemaDocument &document, const Subschema &part);
/// Of item i.
std::optional<Subschema> item_schema(const SchemaDocument &document, const Subschema &part, size_t i);

/// The schemas that a part has for a property: of its name, of patterns that match it, or additionalProperties.
std::vector<Subschema> property_schemas(const SchemaDocument &document, const Subschema &part,
                                        const std::string &name);

/// The patterns of patternProperties, in order.
std::vector<std::string> name_patterns(const SchemaDocument &document, const Subschema &part);
/// Names in which a pattern of patternProperties is found.
CharAutomaton names_of_pattern(const SchemaDocument &document, const Subschema &part,
                               const std::string &pattern);

}  // namespace kvern::constraint
