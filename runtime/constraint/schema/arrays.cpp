// Arrays: the items that have schemas of their own, one state for each, then a repetition of the rest.
#include <algorithm>

#include "runtime/constraint/schema/compiler.hpp"
#include "runtime/constraint/schema/members.hpp"

namespace kvern::constraint {
namespace {

class ArrayCompiler {
 public:
  ArrayCompiler(SchemaCompiler &compiler, const Merged &merged)
      : compiler_(compiler), grammar_(compiler.grammar()), merged_(merged) {
    for (const Subschema &part : merged.parts) {
      const auto &document = compiler.document();
      prefix_ = std::max(prefix_, static_cast<int64_t>(prefix_schemas(document, part).size()));
      has_rest_ = has_rest_ || rest_schema(document, part).has_value();
    }
  }

  void add(Grammar::StateId from, Grammar::StateId to) {
    if (merged_.max_items && *merged_.max_items < merged_.min_items) return;
    auto at = compiler_.add_space(grammar_.add_literal(from, "["));
    const auto close = grammar_.add_state();
    int64_t items = 0;
    for (; items < prefix_ && !full(items); ++items) {
      may_close(items, at, close);
      at = item(items > 0 ? compiler_.add_comma(at) : at, items);
    }
    rest(items, at, close);
    grammar_.add_empty(grammar_.add_literal(compiler_.add_space(close), "]"), to);
  }

 private:
  bool full(int64_t items) const { return merged_.max_items && items >= *merged_.max_items; }
  void may_close(int64_t items, Grammar::StateId at, Grammar::StateId close) {
    if (items >= merged_.min_items) grammar_.add_empty(at, close);
  }

  Grammar::RuleId item_rule(int64_t i) {
    std::vector<Subschema> schemas;
    for (const Subschema &part : merged_.parts)
      if (const auto schema = item_schema(compiler_.document(), part, static_cast<size_t>(i)))
        schemas.push_back(*schema);
    return compiler_.rule(schemas);
  }

  Grammar::StateId item(Grammar::StateId from, int64_t i) {
    const auto to = grammar_.add_state();
    grammar_.add_call(from, item_rule(i), to);
    return to;
  }

  void rest(int64_t items, Grammar::StateId at, Grammar::StateId close) {
    may_close(items, at, close);
    const bool made = has_rest_ || prefix_ == 0 || items < merged_.min_items;
    if (!made || full(items)) return;
    at = item(items > 0 ? compiler_.add_comma(at) : at, prefix_);
    ++items;
    const auto more = grammar_.add_rule();
    grammar_.set_returns(item(compiler_.add_comma(grammar_.start_of(more)), prefix_));
    const auto most = merged_.max_items ? std::optional(*merged_.max_items - items) : std::nullopt;
    const auto behind = grammar_.add_repeat(at, more, std::max<int64_t>(0, merged_.min_items - items), most);
    grammar_.add_empty(behind, close);
  }

  SchemaCompiler &compiler_;
  Grammar &grammar_;
  const Merged &merged_;
  int64_t prefix_ = 0;
  bool has_rest_ = false;
};

}  // namespace

void add_array(SchemaCompiler &compiler, const Merged &merged, Grammar::StateId from, Grammar::StateId to) {
  ArrayCompiler(compiler, merged).add(from, to);
}

}  // namespace kvern::constraint
