// The keywords of JSON Schema that are understood.
#pragma once
#include "runtime/constraint/schema/document.hpp"

namespace kvern::constraint {

/// Throws Error(config) that names a keyword of the schema that is not supported, or not known, with the nearest that is.
void check_keywords(const SchemaDocument &document, const Subschema &schema);

/// The regular expression of a string format, or nullptr. It describes the whole text.
const char *format_regex(std::string_view name);
/// The names of formats, for messages.
std::vector<std::string> format_names();

}  // namespace kvern::constraint
