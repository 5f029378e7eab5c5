// Whether a value meets a schema, by the definition of each keyword. For values that a schema lists (enum, const); texts are made by
// the grammar.
#pragma once
#include "runtime/constraint/schema/merged.hpp"

namespace kvern::constraint {

/// The keywords that the grammar knows; what it refuses is refused here.
bool is_valid(const SchemaDocument &document, const Subschema &schema, const Json &value);

/// The same of schemas that were combined: choices that are made hold as they were made, others are tried.
bool is_valid(const SchemaDocument &document, const Merged &merged, const Json &value);

/// Equal as JSON values: the order of names does not count.
bool same_json(const Json &a, const Json &b);

}  // namespace kvern::constraint
