#include "runtime/constraint/schema/compiler.hpp"

#include <algorithm>
#include <kvern/error.hpp>

#include "runtime/constraint/schema/validate.hpp"

namespace kvern::constraint {
namespace {

constexpr size_t kMaxValues = 20'000;  // that anyOf and allOf may multiply to
constexpr int64_t kMaxIndentation = 16;

}  // namespace

SchemaCompiler::SchemaCompiler(const SchemaDocument &document, Grammar &grammar)
    : document_(document), grammar_(grammar), merger_(document) {}

std::string SchemaCompiler::path_of(RuleId rule) const {
  const auto found = paths_.find(rule);
  return found == paths_.end() ? "" : found->second;
}

SchemaCompiler::RuleId SchemaCompiler::rule(const std::vector<Subschema> &schemas) {
  std::vector<const Json *> key;
  for (const Subschema &schema : schemas)
    if (!(schema.json->is_boolean() && schema.json->get<bool>())) key.push_back(schema.json);
  std::sort(key.begin(), key.end());
  key.erase(std::unique(key.begin(), key.end()), key.end());
  if (key.empty()) return any_value();
  const auto [found, is_new] = rules_.emplace(key, 0);
  if (!is_new) return found->second;
  const RuleId rule = found->second = grammar_.add_rule();
  paths_[rule] = schemas.front().path;
  const StateId to = grammar_.add_state();
  grammar_.set_returns(to);
  add_value(merger_.merge(schemas), grammar_.start_of(rule), to);
  return rule;
}

// ---- values

void SchemaCompiler::add_value(const Merged &merged, StateId from, StateId to) {
  if (++values_ > kMaxValues)
    throw Error(ErrorKind::config, document_.name() + ": anyOf, oneOf and allOf multiply to more than " +
                                       std::to_string(kMaxValues) + " schemas; use fewer alternatives");
  if (merged.impossible) return;
  if (!merged.enums.empty()) return add_enum(merged, from, to);
  if (!merged.choices.empty()) return add_choice(merged, from, to);
  const unsigned types = merged.made_types();
  if (types == kAllTypes && merged.spoken_types == 0) return grammar_.add_call(from, any_value(), to);
  const auto literal = [&](const char *text) { grammar_.add_empty(grammar_.add_literal(from, text), to); };
  if (types & kNull) literal("null");
  if (types & kBoolean) literal("true"), literal("false");
  if (types & (kInteger | kFraction)) {
    NumberRange range = merged.range;
    range.integers = range.integers || !(types & kFraction);
    add_numbers(grammar_, from, range, to);
  }
  if (types & kString) add_string(*this, merged, from, to);
  if (types & kArray) add_array(*this, merged, from, to);
  if (types & kObject) add_object(*this, merged, from, to);
}

std::vector<const Json *> listed_values(const SchemaDocument &document, const Merged &merged) {
  const Subschema &first = merged.enums.front();
  std::vector<const Json *> values;
  const auto add = [&](const Json &value) {
    if (is_valid(document, merged, value)) values.push_back(&value);
  };
  if (!first.has("enum")) {
    add(first.at("const"));
    return values;
  }
  for (const Json &value : first.at("enum")) add(value);
  return values;
}

void SchemaCompiler::add_enum(const Merged &merged, StateId from, StateId to) {
  for (const Json *value : listed_values(document_, merged))
    grammar_.add_empty(grammar_.add_literal(from, value->dump()), to);
}

void SchemaCompiler::add_choice(const Merged &merged, StateId from, StateId to) {
  const Choice &choice = merged.choices.front();
  if (choice.exactly_one) check_exclusive(merged);
  for (size_t i = 0; i < choice.alternatives.size(); ++i) {
    const StateId begin = grammar_.add_state();
    grammar_.add_empty(from, begin);
    add_value(merger_.choose(merged, i), begin, to);
  }
}

void SchemaCompiler::check_exclusive(const Merged &merged) const {
  const size_t n = merged.choices.front().alternatives.size();
  std::vector<Merged> chosen;
  for (size_t i = 0; i < n; ++i) chosen.push_back(merger_.choose(merged, i));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      if (i != j && !is_disjoint(merger_, chosen[i], chosen[j]))
        document_.fail(
            merged.choices.front().owner, "oneOf",
            "a value that meets schema " + std::to_string(i) + " may meet schema " + std::to_string(j) +
                " as well (counted from 0); use anyOf, or tell them apart by type or by a required property "
                "that is constant");
}

// ---- what any schema may need

SchemaCompiler::StateId SchemaCompiler::add_space(StateId from) {
  if (!spaces_) {
    spaces_ = grammar_.add_rule();
    const StateId to = grammar_.add_state();
    grammar_.set_returns(to);
    grammar_.add_bytes(grammar_.start_of(*spaces_), {' ', ' '}, to);
  }
  const StateId to = grammar_.add_state();
  grammar_.add_empty(from, to);
  grammar_.add_bytes(from, {' ', ' '}, to);
  const StateId line = grammar_.add_literal(from, "\n");
  grammar_.add_empty(grammar_.add_repeat(line, *spaces_, 0, kMaxIndentation), to);
  return to;
}

SchemaCompiler::StateId SchemaCompiler::add_comma(StateId from) {
  return add_space(grammar_.add_literal(from, ","));
}

SchemaCompiler::StateId SchemaCompiler::add_member(StateId from, const std::string &name, RuleId value) {
  const StateId colon = grammar_.add_literal(from, Json(name).dump() + ":");
  const StateId behind = grammar_.add_state(), to = grammar_.add_state();
  grammar_.add_empty(colon, behind);
  grammar_.add_bytes(colon, {' ', ' '}, behind);
  grammar_.add_call(behind, value, to);
  return to;
}

SchemaCompiler::RuleId SchemaCompiler::any_string() {
  if (any_string_) return *any_string_;
  any_string_ = grammar_.add_rule();
  const StateId inside = grammar_.add_literal(grammar_.start_of(*any_string_), "\"");
  grammar_.add_chars(inside, CharSet::any(), Spelling::json_string, inside);
  grammar_.set_returns(grammar_.add_literal(inside, "\""));
  return *any_string_;
}

SchemaCompiler::RuleId SchemaCompiler::any_object() {
  if (any_object_) return *any_object_;
  any_object_ = grammar_.add_rule();
  const StateId to = grammar_.add_state();
  grammar_.set_returns(to);
  Merged merged;
  merged.spoken_types = kObject;
  add_object(*this, merged, grammar_.start_of(*any_object_), to);
  return *any_object_;
}

SchemaCompiler::RuleId SchemaCompiler::any_value() {
  if (any_value_) return *any_value_;
  any_value_ = grammar_.add_rule();
  const StateId to = grammar_.add_state();
  grammar_.set_returns(to);
  Merged merged;
  merged.spoken_types = kAllTypes;
  add_value(merged, grammar_.start_of(*any_value_), to);
  return *any_value_;
}

}  // namespace kvern::constraint
