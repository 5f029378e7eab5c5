// Whether alternatives of oneOf exclude each other.
#include <algorithm>

#include "runtime/constraint/schema/compiler.hpp"
#include "runtime/constraint/schema/members.hpp"
#include "runtime/constraint/schema/validate.hpp"

namespace kvern::constraint {
namespace {

constexpr int kMaxComparedDepth = 8;

class Disjoint {
 public:
  explicit Disjoint(const SchemaMerger &merger) : merger_(merger), document_(merger.document()) {}

  bool operator()(const Merged &a, const Merged &b, int depth) const {
    if (depth > kMaxComparedDepth) return false;
    if (a.impossible || b.impossible) return true;
    if (!a.enums.empty()) return listed_fail(a, b);
    if (!b.enums.empty()) return listed_fail(b, a);
    if (!a.choices.empty())
      return all_of_choice(a, [&](const Merged &m) { return (*this)(m, b, depth + 1); });
    if (!b.choices.empty())
      return all_of_choice(b, [&](const Merged &m) { return (*this)(a, m, depth + 1); });
    const unsigned both = a.made_types() & b.types;
    if (both & (kNull | kBoolean)) return false;
    if ((both & (kInteger | kFraction)) && !disjoint(a.range, b.range)) return false;
    if ((both & kString) && !strings(a, b)) return false;
    if ((both & kArray) && !arrays(a, b, depth)) return false;
    return !(both & kObject) || objects(a, b, depth);
  }

 private:
  bool listed_fail(const Merged &listed, const Merged &other) const {
    const auto values = listed_values(document_, listed);
    return std::none_of(values.begin(), values.end(),
                        [&](const Json *value) { return is_valid(document_, other, *value); });
  }

  template <class Check>
  bool all_of_choice(const Merged &merged, const Check &check) const {
    for (size_t i = 0; i < merged.choices.front().alternatives.size(); ++i)
      if (!check(merger_.choose(merged, i))) return false;
    return true;
  }

  static bool strings(const Merged &a, const Merged &b) {
    Merged both = a;
    both.patterns.insert(both.patterns.end(), b.patterns.begin(), b.patterns.end());
    both.min_length = std::max(a.min_length, b.min_length);
    if (b.max_length) both.max_length = std::min(*b.max_length, a.max_length.value_or(*b.max_length));
    if (both.max_length && *both.max_length < both.min_length) return true;
    const auto automaton = string_automaton(both, "oneOf");
    return automaton && automaton->empty();
  }

  bool members(const std::vector<Subschema> &a, const std::vector<Subschema> &b, int depth) const {
    return !a.empty() && !b.empty() && (*this)(merger_.merge(a), merger_.merge(b), depth + 1);
  }

  std::vector<Subschema> first_item(const Merged &merged) const {
    std::vector<Subschema> schemas;
    for (const Subschema &part : merged.parts)
      if (const auto schema = item_schema(document_, part, 0)) schemas.push_back(*schema);
    return schemas;
  }

  bool arrays(const Merged &a, const Merged &b, int depth) const {
    if ((b.max_items && *b.max_items < a.min_items) || (a.max_items && *a.max_items < b.min_items))
      return true;
    return (a.min_items > 0 || b.min_items > 0) && members(first_item(a), first_item(b), depth);
  }

  std::vector<Subschema> property(const Merged &merged, const std::string &name) const {
    std::vector<Subschema> schemas;
    for (const Subschema &part : merged.parts)
      for (const Subschema &schema : property_schemas(document_, part, name)) schemas.push_back(schema);
    return schemas;
  }

  bool objects(const Merged &a, const Merged &b, int depth) const {
    const auto names = named_properties(document_, a);
    const auto is_named = [&](const std::string &name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (const std::string &name : b.required)
      if (!is_named(name) && !makes_more_properties(document_, a)) return true;
    for (const std::string &name : a.required)
      if (members(property(a, name), property(b, name), depth) || is_excluded(b, name)) return true;
    return false;
  }

  bool is_excluded(const Merged &merged, const std::string &name) const {
    const auto schemas = property(merged, name);
    return std::any_of(schemas.begin(), schemas.end(),
                       [](const Subschema &s) { return *s.json == Json(false); });
  }

  const SchemaMerger &merger_;
  const SchemaDocument &document_;
};

}  // namespace

bool is_disjoint(const SchemaMerger &merger, const Merged &a, const Merged &b) {
  return Disjoint(merger)(a, b, 0);
}

}  // namespace kvern::constraint
