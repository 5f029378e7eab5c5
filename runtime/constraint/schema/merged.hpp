// What several schemas say together of one value: $ref and allOf followed, keywords combined. anyOf and oneOf are left as choices.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/constraint/numbers.hpp"
#include "runtime/constraint/schema/document.hpp"

namespace kvern::constraint {

/// Bits of types; a number that is an integer has the bit of integers alone.
enum Type : unsigned {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAllTypes = 127
};

/// Schemas on the way to one without a value between.
using Ancestors = std::vector<const Json *>;

struct Choice {
  Subschema owner;
  bool exactly_one;  ///< oneOf
  std::vector<Subschema> alternatives;
  Ancestors ancestors;
};

struct Pattern {
  std::string regex, place;
  bool whole;  ///< of a format: the whole text
};

struct Merged {
  std::vector<Subschema> parts;  ///< all that hold together, in order
  std::vector<Choice> choices;
  bool impossible = false;  ///< a `false` is among them
  unsigned types = kAllTypes;
  std::vector<Subschema> enums;  ///< parts with enum or const
  NumberRange range;
  int64_t min_length = 0, min_items = 0, min_properties = 0;
  std::optional<int64_t> max_length, max_items, max_properties;
  std::vector<Pattern> patterns;
  std::vector<std::string> required;
  bool names_type = false;
  unsigned spoken_types = 0;  ///< that keywords are about

  /// Types of the values that are made: without `type`, those that keywords speak of.
  unsigned made_types() const { return !names_type && spoken_types != 0 ? types & spoken_types : types; }
};

class SchemaMerger {
 public:
  explicit SchemaMerger(const SchemaDocument &document) : document_(document) {}
  Merged merge(const std::vector<Subschema> &schemas) const;
  /// `merged`, its first choice made.
  Merged choose(const Merged &merged, size_t alternative) const;
  const SchemaDocument &document() const { return document_; }

 private:
  void add(Merged &to, const Subschema &schema, const Ancestors &ancestors) const;
  void add_keywords(Merged &to, const Subschema &schema) const;
  void add_types(Merged &to, const Subschema &schema) const;
  void add_numbers(Merged &to, const Subschema &schema) const;
  void add_strings(Merged &to, const Subschema &schema) const;
  void add_counts(Merged &to, const Subschema &schema) const;
  void add_choice(Merged &to, const Subschema &schema, const char *key, const Ancestors &ancestors) const;

  const SchemaDocument &document_;
};

}  // namespace kvern::constraint
