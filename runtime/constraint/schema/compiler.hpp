// JSON schemas as grammars. Each schema of a value is a rule; values that nest call rules, so that $ref may recur. Members of an
// object are written in the order in which the schema names them; white space is that of usual writers: none, a space, or a line
// feed and up to 16 spaces.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/constraint/grammar.hpp"
#include "runtime/constraint/schema/merged.hpp"

namespace kvern::constraint {

class SchemaCompiler {
 public:
  using StateId = Grammar::StateId;
  using RuleId = Grammar::RuleId;
  SchemaCompiler(const SchemaDocument &document, Grammar &grammar);

  /// Values that meet all of these.
  RuleId rule(const std::vector<Subschema> &schemas);
  /// Any value; any object.
  RuleId any_value();
  RuleId any_object();
  /// Where the schema of a rule stands.
  std::string path_of(RuleId rule) const;

  const SchemaDocument &document() const { return document_; }
  Grammar &grammar() { return grammar_; }
  /// White space that may stand before what follows.
  StateId add_space(StateId from);
  /// ',' and white space.
  StateId add_comma(StateId from);
  /// A name, ':', and a value of a rule.
  StateId add_member(StateId from, const std::string &name, RuleId value);
  RuleId any_string();

 private:
  void add_value(const Merged &merged, StateId from, StateId to);
  void add_enum(const Merged &merged, StateId from, StateId to);
  void add_choice(const Merged &merged, StateId from, StateId to);
  void check_exclusive(const Merged &merged) const;

  const SchemaDocument &document_;
  Grammar &grammar_;
  SchemaMerger merger_;
  std::map<std::vector<const Json *>, RuleId> rules_;
  std::map<RuleId, std::string> paths_;
  std::optional<RuleId> any_value_, any_object_, any_string_, spaces_;
  size_t values_ = 0;  // added so far
};

// Each adds the values of one type.
void add_array(SchemaCompiler &compiler, const Merged &merged, Grammar::StateId from, Grammar::StateId to);
void add_object(SchemaCompiler &compiler, const Merged &merged, Grammar::StateId from, Grammar::StateId to);
void add_string(SchemaCompiler &compiler, const Merged &merged, Grammar::StateId from, Grammar::StateId to);

/// The strings, if they are described by patterns; nullopt: lengths alone, or nothing.
std::optional<CharAutomaton> string_automaton(const Merged &merged, const std::string &place);

/// Names that stand in `properties` of any part, in order, then those that are required besides.
std::vector<std::string> named_properties(const SchemaDocument &document, const Merged &merged);
/// Whether properties are made that the schema does not name.
bool makes_more_properties(const SchemaDocument &document, const Merged &merged);

/// Whether no value that is made for `a` meets `b`. False where that is not certain.
bool is_disjoint(const SchemaMerger &merger, const Merged &a, const Merged &b);

/// The values of enum and const that meet all of `merged`.
std::vector<const Json *> listed_values(const SchemaDocument &document, const Merged &merged);

}  // namespace kvern::constraint
