// Objects: the properties that are named, in their order, each there or not; then properties with names that are made up.
#include <algorithm>
#include <array>
#include <map>

#include "runtime/constraint/schema/compiler.hpp"
#include "runtime/constraint/schema/members.hpp"
#include "runtime/constraint/schema/validate.hpp"

namespace kvern::constraint {

std::vector<std::string> named_properties(const SchemaDocument &document, const Merged &merged) {
  std::vector<std::string> names;
  const auto add = [&](const std::string &name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const Subschema &part : merged.parts)
    if (part.has("properties"))
      for (const std::string &name : keys_of(document.table(part, "properties"))) add(name);
  for (const std::string &name : merged.required) add(name);
  return names;
}

bool makes_more_properties(const SchemaDocument &document, const Merged &merged) {
  const auto &parts = merged.parts;
  const auto asks = [](const Subschema &part) {
    return part.has("patternProperties") ||
           (part.has("additionalProperties") && part.at("additionalProperties") != Json(false));
  };
  const auto closes = [](const Subschema &part) {
    return part.has("additionalProperties") && part.at("additionalProperties") == Json(false);
  };
  if (std::any_of(parts.begin(), parts.end(), asks)) return true;
  return named_properties(document, merged).empty() && std::none_of(parts.begin(), parts.end(), closes);
}

namespace {

constexpr size_t kMaxPatterns = 4;
constexpr int64_t kMaxCounted = 200;  // properties that are counted

/// How many properties there are so far, as far as it matters.
struct Count {
  int64_t named = 0, more = 0;
  auto operator<=>(const Count &) const = default;
};

class ObjectCompiler {
 public:
  ObjectCompiler(SchemaCompiler &compiler, const Merged &merged)
      : compiler_(compiler),
        document_(compiler.document()),
        grammar_(compiler.grammar()),
        merged_(merged),
        names_(named_properties(document_, merged)),
        more_(makes_more_properties(document_, merged)) {
    counted_ = merged.max_properties ? *merged.max_properties : merged.min_properties;
  }

  void add(Grammar::StateId from, Grammar::StateId to) {
    check_counts();
    std::map<Count, Grammar::StateId> now{{Count(), compiler_.add_space(grammar_.add_literal(from, "{"))}};
    for (const std::string &name : names_) now = behind_name(now, name);
    const auto close = grammar_.add_state();
    if (more_)
      add_more(now, close);
    else
      for (const auto &[count, state] : now) may_close(count, state, close);
    grammar_.add_empty(grammar_.add_literal(compiler_.add_space(close), "}"), to);
  }

 private:
  Subschema place() const { return merged_.parts.empty() ? document_.root() : merged_.parts.front(); }

  void check_counts() const {
    const auto named = static_cast<int64_t>(names_.size());
    if (more_ && merged_.min_properties > std::max<int64_t>(1, named + 1))
      document_.fail(place(), "minProperties",
                     "supported is at most 1 more than the properties that are named, for names that are "
                     "made up may repeat");
    if (counted_ > kMaxCounted && !(merged_.max_properties && *merged_.max_properties >= named && !more_ &&
                                    merged_.min_properties == 0))
      document_.fail(place(), merged_.max_properties ? "maxProperties" : "minProperties",
                     "supported is at most " + std::to_string(kMaxCounted));
  }

  bool is_required(const std::string &name) const {
    return std::find(merged_.required.begin(), merged_.required.end(), name) != merged_.required.end();
  }

  Count with_name(Count count) const {
    count.named = std::min(count.named + 1, std::max<int64_t>(1, counted_));
    return count;
  }
  Count with_more(Count count) const {
    count.more = std::min(count.more + 1, merged_.max_properties ? counted_ : int64_t{1});
    return count;
  }
  bool full(const Count &count) const {
    return merged_.max_properties && count.named + count.more >= *merged_.max_properties;
  }
  static bool is_first(const Count &count) { return count.named + count.more == 0; }

  void may_close(const Count &count, Grammar::StateId at, Grammar::StateId close) {
    if (count.named + std::min<int64_t>(1, count.more) >= merged_.min_properties)
      grammar_.add_empty(at, close);
  }

  /// The rule of a property's value; nullopt: propertyNames excludes the name.
  std::optional<Grammar::RuleId> value_of(const std::string &name) {
    std::vector<Subschema> schemas;
    for (const Subschema &part : merged_.parts) {
      if (part.has("propertyNames") && !is_valid(document_, part.child("propertyNames"), Json(name)))
        return {};
      for (const Subschema &schema : property_schemas(document_, part, name)) schemas.push_back(schema);
    }
    return compiler_.rule(schemas);
  }

  std::map<Count, Grammar::StateId> behind_name(const std::map<Count, Grammar::StateId> &now,
                                                const std::string &name) {
    std::map<Count, Grammar::StateId> next;
    const auto value = value_of(name);
    const auto state_of = [&](const Count &count) {
      const auto [found, is_new] = next.emplace(count, 0);
      if (is_new) found->second = grammar_.add_state();
      return found->second;
    };
    for (const auto &[count, state] : now) {
      if (!is_required(name)) grammar_.add_empty(state, state_of(count));
      if (!value || full(count)) continue;
      const auto begin = is_first(count) ? state : compiler_.add_comma(state);
      grammar_.add_empty(compiler_.add_member(begin, name, *value), state_of(with_name(count)));
    }
    return next;
  }

  // ---- names that are made up

  struct PatternOfPart {
    Subschema part;
    std::string pattern;
    CharAutomaton names, others;  // that match, that do not
  };

  std::vector<PatternOfPart> all_patterns(const std::string &where) const {
    std::vector<PatternOfPart> list;
    for (const Subschema &part : merged_.parts)
      for (const std::string &pattern : name_patterns(document_, part)) {
        if (list.size() == kMaxPatterns)
          document_.fail(place(), "patternProperties",
                         "supported are at most " + std::to_string(kMaxPatterns) + " patterns");
        CharAutomaton names = names_of_pattern(document_, part, pattern);
        CharAutomaton others = complement(names, where);
        list.push_back({part, pattern, std::move(names), std::move(others)});
      }
    return list;
  }

  /// Names that the schema does not give and propertyNames allows.
  CharAutomaton new_names(const std::string &where) const {
    // without characters that need an escape: a name is spelled in one way
    CharAutomaton names = of_length(~must_be_escaped(), 1, {}, where);
    const std::vector<std::string_view> known(names_.begin(), names_.end());
    if (!known.empty()) names = intersection(names, complement(one_of_texts(known), where), where);
    const SchemaMerger merger(document_);
    for (const Subschema &part : merged_.parts) {
      if (!part.has("propertyNames")) continue;
      const Subschema schema = part.child("propertyNames");
      const Merged rule = merger.merge({schema});
      if (rule.impossible) return {};
      if (!rule.choices.empty() || !rule.enums.empty())
        document_.fail(schema, "", "supported in propertyNames are pattern, format, minLength and maxLength");
      names = intersection(names, of_length(CharSet::any(), rule.min_length, rule.max_length, where), where);
      if (const auto described = string_automaton(rule, where))
        names = intersection(names, *described, where);
    }
    return names;
  }

  /// Members whose names match the patterns of `set` and no others.
  void add_members_of(unsigned set, const std::vector<PatternOfPart> &patterns, CharAutomaton names,
                      const std::string &where, Grammar::StateId from, Grammar::StateId to) {
    std::vector<Subschema> schemas;
    for (size_t i = 0; i < patterns.size(); ++i) {
      const bool in = (set >> i & 1u) != 0;
      names = intersection(names, in ? patterns[i].names : patterns[i].others, where);
      if (in) schemas.push_back(patterns[i].part.child("patternProperties", patterns[i].pattern));
    }
    bool asked = set != 0 || (patterns.empty() && names_.empty());
    for (const Subschema &part : merged_.parts) {
      bool matched = false;
      for (size_t i = 0; i < patterns.size(); ++i)
        matched = matched || ((set >> i & 1u) && patterns[i].part == part);
      if (matched || !part.has("additionalProperties")) continue;
      schemas.push_back(part.child("additionalProperties"));
      asked = true;
    }
    if (!asked || names.empty()) return;
    const auto inside = grammar_.add_literal(from, "\""), end = grammar_.add_state();
    grammar_.add_automaton(inside, names, Spelling::plain, end);
    const auto colon = grammar_.add_literal(end, "\":"), value = grammar_.add_state();
    grammar_.add_empty(colon, value);
    grammar_.add_bytes(colon, {' ', ' '}, value);
    grammar_.add_call(value, compiler_.rule(schemas), to);
  }

  Grammar::RuleId member_rule() {
    const std::string where = document_.name() + ": " + place().path + "/patternProperties";
    const auto patterns = all_patterns(where);
    const auto rule = grammar_.add_rule();
    const auto to = grammar_.add_state();
    grammar_.set_returns(to);
    const CharAutomaton names = new_names(where);
    for (unsigned set = 0; set < 1u << patterns.size(); ++set)
      add_members_of(set, patterns, names, where, grammar_.start_of(rule), to);
    return rule;
  }

  void add_more(std::map<Count, Grammar::StateId> now, Grammar::StateId close) {
    const auto member = member_rule();
    std::vector<Count> open;
    for (const auto &[count, state] : now) open.push_back(count);
    while (!open.empty()) {
      const Count count = open.back();
      open.pop_back();
      const auto state = now.at(count);
      may_close(count, state, close);
      if (full(count)) continue;
      const Count next = with_more(count);
      const auto [found, is_new] = now.emplace(next, 0);
      if (is_new) found->second = grammar_.add_state(), open.push_back(next);
      grammar_.add_call(is_first(count) ? state : compiler_.add_comma(state), member, found->second);
    }
  }

  SchemaCompiler &compiler_;
  const SchemaDocument &document_;
  Grammar &grammar_;
  const Merged &merged_;
  std::vector<std::string> names_;
  bool more_;
  int64_t counted_ = 0;
};

}  // namespace

void add_object(SchemaCompiler &compiler, const Merged &merged, Grammar::StateId from, Grammar::StateId to) {
  ObjectCompiler(compiler, merged).add(from, to);
}

}  // namespace kvern::constraint
