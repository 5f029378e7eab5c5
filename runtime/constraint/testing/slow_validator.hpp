// JSON Schema by the definition of each keyword, on the parsed value: what the grammar's texts are held against. Patterns are
// matched by PCRE2.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace kvern::test {

/// `root` holds what $ref names. Keywords that the tests' schemas do not use are not known.
bool meets(const nlohmann::json &root, const nlohmann::json &schema, const nlohmann::json &value);

/// Whether PCRE2 finds the pattern, in the whole text or a part of it.
bool found(const std::string &pattern, const std::string &text, bool whole);

}  // namespace kvern::test
