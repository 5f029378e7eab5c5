// What the option response_format says, as a grammar.
#pragma once
#include <filesystem>
#include <kvern/options.hpp>
#include <string_view>

#include "runtime/constraint/grammar.hpp"

namespace kvern::constraint {

struct Language {
  Grammar grammar;  ///< pruned
  Grammar::RuleId rule;
};

/// Texts that the whole pattern describes. Throws Error(config), beginning with `place`.
Language regex_language(std::string_view pattern, std::string_view place);

/// Values that meet a JSON schema, as JSON texts; `name` begins every message. Throws Error(config): the schema is wrong, asks for
/// what is not supported, or no value meets it.
Language schema_language(std::string_view schema, const std::string &name);

/// JSON objects.
Language object_language();

/// The value of the option, which is not "text": "json_object", "regex:PATTERN", the text of a schema, the name of a file that
/// holds one (relative names are meant from `folder`, or, where they do not exist there, from the working directory), or a table
/// with a type and what belongs to it. `place` begins the messages.
Language response_language(const Option &format, const std::filesystem::path &folder,
                           const std::string &place);

}  // namespace kvern::constraint
