// Renders the tree of a template.
#pragma once
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/templates/registry.hpp"
#include "runtime/templates/scope.hpp"
#include "runtime/templates/syntax.hpp"

namespace kvern::templates {

class LoopContext;

class Interpreter : public Runtime {
 public:
  Interpreter(const Limits &limits, const std::tm &now) : Runtime(limits), now_(now) {}
  ~Interpreter() override;

  std::string render(const Body &body, const Dict &variables);
  int line() const { return line_; }  ///< of what was evaluated last

  Value call(const Value &callee, const Arguments &arguments) override;
  Value call_filter(const std::string &name, const Value &value, const Arguments &arguments) override;
  bool call_test(const std::string &name, const Value &value, const Arguments &arguments) override;
  bool escapes() const override { return escapes_; }
  std::string format_now(const std::string &format) const override;
  void keep(ObjectPtr object) override;

  /// The text of a body, not printed.
  std::string capture(const Body &body, const ScopePtr &scope);
  Value evaluate(const Expression &node, const ScopePtr &scope);
  /// The text of a loop over other items, as loop(...) of a recursive loop gives it.
  std::string loop_again(const Statement &node, const Value &items, const ScopePtr &scope, int depth);
  std::string call_block(const std::string &name);
  bool has_block(const std::string &name) const { return blocks_.contains(name); }
  Value text_value(std::string text) const {
    return Value(std::move(text), escapes_);
  }  ///< markup where escaping is on

 private:
  enum class Flow { normal, leave, next };

  // statements
  Flow execute(const Body &body, const ScopePtr &scope);
  Flow execute(const Statement &node, const ScopePtr &scope);
  Flow conditional(const Statement &node, const ScopePtr &scope);
  void output(const Statement &node, const ScopePtr &scope);
  void loop(const Statement &node, const Value &items, const ScopePtr &scope, int depth);
  Value filtered_items(const Statement &node, const Value &items, const ScopePtr &scope);
  void set_block(const Statement &node, const ScopePtr &scope);
  void with(const Statement &node, const ScopePtr &scope);
  void call_statement(const Statement &node, const ScopePtr &scope);
  Flow autoescape(const Statement &node, const ScopePtr &scope);
  void block(const Statement &node, const ScopePtr &scope);
  void find_blocks(const Body &body);
  void assign(const Expression &target, const Value &value, const ScopePtr &scope);
  void unpack(const Expression &target, const Value &value, const ScopePtr &scope);
  Value make_macro(const Statement &node, const ScopePtr &scope);
  void print(std::string_view text);

  // expressions
  Value evaluate_here(const Expression &node, const ScopePtr &scope);
  std::vector<Value> evaluate_all(const std::vector<ExpressionPtr> &nodes, const ScopePtr &scope);
  Value name(const Expression &node, const ScopePtr &scope);
  Value dict(const Expression &node, const ScopePtr &scope);
  Value item(const Expression &node, const ScopePtr &scope);
  Value unary(const Expression &node, const ScopePtr &scope);
  Value binary(const Expression &node, const ScopePtr &scope);
  Value concatenate(const Expression &node, const ScopePtr &scope);
  Value compare(const Expression &node, const ScopePtr &scope);
  bool compare_pair(const std::string &op, const Value &a, const Value &b);
  Value choose(const Expression &node, const ScopePtr &scope);
  Value filter(const Expression &node, const Value *inner, const ScopePtr &scope);
  Value test(const Expression &node, const ScopePtr &scope);
  Arguments arguments(const CallArguments &nodes, const ScopePtr &scope);
  Value call_expression(const Expression &node, const ScopePtr &scope, const Value *caller);

  const std::tm now_;
  ScopePtr root_;
  std::string *out_ = nullptr;
  int line_ = 1;
  bool escapes_ = false;
  std::map<std::string, const Statement *> blocks_;
  std::vector<ObjectPtr> kept_;
};

}  // namespace kvern::templates
