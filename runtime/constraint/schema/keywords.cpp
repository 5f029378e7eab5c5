#include "runtime/constraint/schema/keywords.hpp"

#include <algorithm>
#include <array>
#include <kvern/error.hpp>

#include "runtime/support/printable.hpp"

namespace kvern::constraint {
namespace {

constexpr auto kUnderstood = std::to_array<std::string_view>({"$ref",
                                                              "$defs",
                                                              "definitions",
                                                              "allOf",
                                                              "anyOf",
                                                              "oneOf",
                                                              "enum",
                                                              "const",
                                                              "type",
                                                              "minimum",
                                                              "maximum",
                                                              "exclusiveMinimum",
                                                              "exclusiveMaximum",
                                                              "multipleOf",
                                                              "minLength",
                                                              "maxLength",
                                                              "pattern",
                                                              "format",
                                                              "items",
                                                              "prefixItems",
                                                              "additionalItems",
                                                              "minItems",
                                                              "maxItems",
                                                              "uniqueItems",
                                                              "properties",
                                                              "patternProperties",
                                                              "additionalProperties",
                                                              "propertyNames",
                                                              "required",
                                                              "minProperties",
                                                              "maxProperties"});

constexpr auto kSaysNothing =
    std::to_array<std::string_view>({"$schema", "$id", "$comment", "title", "description", "default",
                                     "example", "examples", "deprecated", "readOnly", "writeOnly"});

constexpr auto kNotSupported = std::to_array<std::string_view>({"not",
                                                                "if",
                                                                "then",
                                                                "else",
                                                                "contains",
                                                                "minContains",
                                                                "maxContains",
                                                                "dependentRequired",
                                                                "dependentSchemas",
                                                                "dependencies",
                                                                "unevaluatedItems",
                                                                "unevaluatedProperties",
                                                                "contentEncoding",
                                                                "contentMediaType",
                                                                "contentSchema",
                                                                "$anchor",
                                                                "$dynamicRef",
                                                                "$dynamicAnchor",
                                                                "$recursiveRef",
                                                                "$recursiveAnchor",
                                                                "$vocabulary",
                                                                "id",
                                                                "nullable",
                                                                "discriminator"});

template <size_t n>
bool is_among(const std::array<std::string_view, n> &names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

#define KVERN_TIME \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define KVERN_DATE                                                                                           \
  "(?:19|20)[0-9]{2}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)" \
  "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
#define KVERN_BYTE "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define KVERN_LABEL "[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?"

struct Format {
  const char *name, *regex;
};

constexpr Format kFormats[] = {
    {"date", KVERN_DATE},
    {"time", KVERN_TIME},
    {"date-time", KVERN_DATE "T" KVERN_TIME},
    {"duration", "P(?:[0-9]{1,4}W|[0-9]{1,4}D|(?:[0-9]{1,4}D)?T[0-9]{1,4}[HMS])"},
    {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
    {"ipv4", KVERN_BYTE "(?:\\." KVERN_BYTE "){3}"},
    {"ipv6", "(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"},
    {"hostname", KVERN_LABEL "(?:\\." KVERN_LABEL "){0,5}"},
    {"email", "[a-z0-9]+(?:[._+-][a-z0-9]+){0,4}@" KVERN_LABEL "(?:\\." KVERN_LABEL "){0,3}\\.[a-z]{2,6}"},
    {"uri", "https?://" KVERN_LABEL "(?:\\." KVERN_LABEL "){1,4}(?:/[A-Za-z0-9._~-]{1,40}){0,8}"},
};

}  // namespace

void check_keywords(const SchemaDocument &document, const Subschema &schema) {
  for (const std::string &key : keys_of(*schema.json)) {
    if (is_among(kUnderstood, key) || is_among(kSaysNothing, key)) continue;
    if (is_among(kNotSupported, key))
      document.fail(schema, key, "the keyword is not supported; take it out, or say it otherwise");
    const std::vector<std::string> known(kUnderstood.begin(), kUnderstood.end());
    document.fail(schema, printable(key), "no keyword that is known" + did_you_mean(key, known));
  }
}

const char *format_regex(std::string_view name) {
  for (const Format &format : kFormats)
    if (format.name == name) return format.regex;
  return nullptr;
}

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const Format &format : kFormats) names.emplace_back(format.name);
  return names;
}

}  // namespace kvern::constraint
