// The values of expressions.
#include "runtime/templates/arithmetic.hpp"
#include "runtime/templates/attributes.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/interpreter.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/objects.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

/// `self` in a template: its blocks as functions.
class SelfReference : public Object {
 public:
  explicit SelfReference(Interpreter &interpreter) : interpreter_(interpreter) {}
  std::string type_name() const override { return "TemplateReference"; }
  std::optional<Value> attribute(Runtime &, const std::string &name) override {
    if (!interpreter_.has_block(name)) return std::nullopt;
    return make_function(name, [&interpreter = interpreter_, name](Runtime &, const Arguments &) {
      return Value(interpreter.call_block(name));
    });
  }

 private:
  Interpreter &interpreter_;
};

}  // namespace

Value Interpreter::evaluate(const Expression &node, const ScopePtr &scope) {
  const Level level(budget());
  budget().step();
  line_ = node.line;
  return evaluate_here(node, scope);
}

Value Interpreter::evaluate_here(const Expression &node, const ScopePtr &scope) {
  switch (node.kind) {
    case ExpressionKind::constant:
      return node.constant;
    case ExpressionKind::name:
    case ExpressionKind::namespaced:
      return name(node, scope);
    case ExpressionKind::tuple:
      return Value::tuple(evaluate_all(node.items, scope));
    case ExpressionKind::list:
      return Value::list(evaluate_all(node.items, scope));
    case ExpressionKind::dict:
      return dict(node, scope);
    case ExpressionKind::item:
      return item(node, scope);
    case ExpressionKind::call:
      return call_expression(node, scope, nullptr);
    case ExpressionKind::filter:
      return filter(node, nullptr, scope);
    case ExpressionKind::test:
      return test(node, scope);
    case ExpressionKind::unary:
      return unary(node, scope);
    case ExpressionKind::binary:
      return binary(node, scope);
    case ExpressionKind::concatenate:
      return concatenate(node, scope);
    case ExpressionKind::compare:
      return compare(node, scope);
    case ExpressionKind::conditional:
      return choose(node, scope);
    case ExpressionKind::slice:
      type_error("a slice stands for itself");
    case ExpressionKind::attribute:
      break;
  }
  const Value value = evaluate(*node.items[0], scope);
  line_ = node.line;
  return get_attribute(*this, value, node.name);
}

std::vector<Value> Interpreter::evaluate_all(const std::vector<ExpressionPtr> &nodes, const ScopePtr &scope) {
  budget().make(static_cast<int64_t>(nodes.size() * sizeof(Value)));
  std::vector<Value> values;
  values.reserve(nodes.size());
  for (const auto &node : nodes) values.push_back(evaluate(*node, scope));
  return values;
}

Value Interpreter::name(const Expression &node, const ScopePtr &scope) {
  if (const Value *found = scope->find(node.name)) return *found;
  if (const Value *found = find_global(node.name)) return *found;
  if (node.name == "self") return Value(ObjectPtr(std::make_shared<SelfReference>(*this)));
  if (node.name == "super")
    return Value::undefined("there is no parent block, since a chat template extends no other");
  return Value::undefined_name(node.name);
}

Value Interpreter::dict(const Expression &node, const ScopePtr &scope) {
  budget().make(static_cast<int64_t>(node.items.size() * 2 * sizeof(Value)));
  Dict dict;
  for (size_t i = 0; i < node.items.size(); i += 2) {
    const Value key = evaluate(*node.items[i], scope);
    walk(key);
    dict.set(key, evaluate(*node.items[i + 1], scope));
  }
  return Value::dict(std::move(dict));
}

Value Interpreter::item(const Expression &node, const ScopePtr &scope) {
  const Value value = evaluate(*node.items[0], scope);
  const Expression &key = *node.items[1];
  if (key.kind != ExpressionKind::slice) {
    const Value at = evaluate(key, scope);
    line_ = node.line;
    return get_item(*this, value, at);
  }
  Value parts[3];
  for (size_t i = 0; i < 3; ++i)
    if (key.items[i]) parts[i] = evaluate(*key.items[i], scope);
  line_ = node.line;
  return get_slice(*this, value, parts[0], parts[1], parts[2]);
}

Value Interpreter::unary(const Expression &node, const ScopePtr &scope) {
  const Value value = evaluate(*node.items[0], scope);
  line_ = node.line;
  return node.name == "not" ? Value(!is_true(*this, value)) : apply_sign(node.name, value);
}

Value Interpreter::binary(const Expression &node, const ScopePtr &scope) {
  const Value a = evaluate(*node.items[0], scope);
  if (node.name == "and" || node.name == "or")
    return is_true(*this, a) == (node.name == "or") ? a : evaluate(*node.items[1], scope);
  const Value b = evaluate(*node.items[1], scope);
  line_ = node.line;
  return apply_binary(*this, node.name, a, b);
}

Value Interpreter::concatenate(const Expression &node, const ScopePtr &scope) {
  const std::vector<Value> values = evaluate_all(node.items, scope);
  bool markup = false;
  for (const Value &value : values) markup = markup || (escapes_ && value.is_markup());
  std::string out;
  for (const Value &value : values) {
    walk(value);
    const std::string piece = str(value);
    out += markup && !value.is_markup() ? escape_html(piece) : piece;
    budget().require_fit(static_cast<int64_t>(out.size()));
  }
  budget().make(static_cast<int64_t>(out.size()));
  return Value(std::move(out), markup);
}

bool Interpreter::compare_pair(const std::string &op, const Value &a, const Value &b) {
  if (op == "in") return contains(*this, b, a);
  if (op == "not in") return !contains(*this, b, a);
  budget().step(std::min(a.weight(), b.weight()) / 16);
  if (op == "==") return is_equal(a, b);
  if (op == "!=") return !is_equal(a, b);
  if (op == "<") return is_less(a, b);
  if (op == ">") return is_less(b, a, ">");
  const bool swaps = op == ">=";  // NaN is neither less nor equal
  return swaps ? is_less(b, a, ">=") || is_equal(a, b) : is_less(a, b, "<=") || is_equal(a, b);
}

Value Interpreter::compare(const Expression &node, const ScopePtr &scope) {
  Value left = evaluate(*node.items[0], scope);
  for (size_t i = 0; i < node.ops.size(); ++i) {
    const Value right = evaluate(*node.items[i + 1], scope);
    line_ = node.line;
    if (!compare_pair(node.ops[i], left, right)) return Value(false);
    left = right;
  }
  return Value(true);
}

Value Interpreter::choose(const Expression &node, const ScopePtr &scope) {
  if (is_true(*this, evaluate(*node.items[0], scope))) return evaluate(*node.items[1], scope);
  if (node.items[2]) return evaluate(*node.items[2], scope);
  return Value::undefined("the inline if-expression on line " + std::to_string(node.line) +
                          " evaluated to false and no else section was defined.");
}

Arguments Interpreter::arguments(const CallArguments &nodes, const ScopePtr &scope) {
  Arguments out;
  for (const auto &node : nodes.positional) out.positional.push_back(evaluate(*node, scope));
  for (const auto &[key, node] : nodes.named) {
    for (const auto &given : out.named)
      if (given.first == key) type_error("keyword argument repeated: " + key);
    out.named.emplace_back(key, evaluate(*node, scope));
  }
  if (nodes.star)
    for (Value &value : to_items(*this, evaluate(*nodes.star, scope)))
      out.positional.push_back(std::move(value));
  if (!nodes.star_star) return out;
  const Value more = evaluate(*nodes.star_star, scope);
  if (!more.is_dict()) type_error("argument after ** must be a mapping, not " + more.type_name());
  for (const auto &[key, value] : more.as_dict().entries()) {
    if (!key.is_text()) type_error("keywords must be strings");
    for (const auto &given : out.named)
      if (given.first == key.str())
        type_error("got multiple values for keyword argument '" + key.str() + "'");
    out.named.emplace_back(key.str(), value);
  }
  return out;
}

Value Interpreter::call_expression(const Expression &node, const ScopePtr &scope, const Value *caller) {
  const Value callee = evaluate(*node.items[0], scope);
  Arguments given = arguments(node.arguments, scope);
  if (caller) given.named.emplace_back("caller", *caller);
  line_ = node.line;
  return call(callee, given);
}

Value Interpreter::call(const Value &callee, const Arguments &arguments) {
  require_defined(callee);
  if (!callee.is_object() || !callee.as_object()->is_callable())
    type_error("'" + callee.type_name() + "' object is not callable");
  const ObjectPtr function = callee.as_object();  // lives for as long as it runs
  return function->call(*this, arguments);
}

Value Interpreter::filter(const Expression &node, const Value *inner, const ScopePtr &scope) {
  Value value;
  if (!node.items[0])
    value = *inner;
  else if (inner && node.items[0]->kind == ExpressionKind::filter)
    value = filter(*node.items[0], inner, scope);
  else
    value = evaluate(*node.items[0], scope);
  const Arguments given = arguments(node.arguments, scope);
  line_ = node.line;
  return call_filter(node.name, value, given);
}

Value Interpreter::call_filter(const std::string &name, const Value &value, const Arguments &arguments) {
  budget().step();
  const Filter run = find_filter(name);
  if (!run) fail(Failure::Kind::other, unknown_filter(name));
  return run(*this, value, arguments);
}

Value Interpreter::test(const Expression &node, const ScopePtr &scope) {
  const Value value = evaluate(*node.items[0], scope);
  const Arguments given = arguments(node.arguments, scope);
  line_ = node.line;
  return Value(call_test(node.name, value, given));
}

bool Interpreter::call_test(const std::string &name, const Value &value, const Arguments &arguments) {
  budget().step();
  const Test run = find_test(name);
  if (!run) fail(Failure::Kind::other, unknown_test(name));
  return run(*this, value, arguments);
}

}  // namespace kvern::templates
