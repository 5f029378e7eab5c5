// What statements do.
#include <ctime>

#include "runtime/templates/compare.hpp"
#include "runtime/templates/interpreter.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/loop_context.hpp"
#include "runtime/templates/macro.hpp"
#include "runtime/templates/objects.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {

Interpreter::~Interpreter() {
  for (const ObjectPtr &object : kept_) object->clear();
}

void Interpreter::keep(ObjectPtr object) {
  budget().make(256);
  kept_.push_back(std::move(object));
}

std::string Interpreter::render(const Body &body, const Dict &variables) {
  auto context = std::make_shared<Scope>();
  for (const auto &[name, value] : variables.entries()) context->set(name.str(), value);
  root_ = std::make_shared<Scope>(std::move(context));
  find_blocks(body);
  return capture(body, root_);
}

std::string Interpreter::capture(const Body &body, const ScopePtr &scope) {
  std::string text;
  std::string *const before = std::exchange(out_, &text);
  try {
    execute(body, scope);
  } catch (...) {
    out_ = before;
    throw;
  }
  out_ = before;
  budget().make(static_cast<int64_t>(text.size()));
  return text;
}

void Interpreter::print(std::string_view text) {
  budget().require_fit(static_cast<int64_t>(out_->size() + text.size()));
  out_->append(text);
}

Interpreter::Flow Interpreter::execute(const Body &body, const ScopePtr &scope) {
  const Level level(budget());
  for (const auto &node : body) {
    budget().step();
    line_ = node->line;
    const Flow flow = execute(*node, scope);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute(const Statement &node, const ScopePtr &scope) {
  const auto inner = [&] { return std::make_shared<Scope>(scope); };
  switch (node.kind) {
    case StatementKind::text:
      print(node.text);
      break;
    case StatementKind::output:
      output(node, scope);
      break;
    case StatementKind::set:
      assign(*node.targets[0], evaluate(*node.expressions[0], scope), scope);
      break;
    case StatementKind::set_block:
      set_block(node, scope);
      break;
    case StatementKind::conditional:
      return conditional(node, scope);
    case StatementKind::loop: {
      const Value items = evaluate(*node.expressions[0], scope);
      if (node.recursive)
        print(loop_again(node, items, scope, 0));
      else
        loop(node, items, scope, 0);
      break;
    }
    case StatementKind::break_loop:
      return Flow::leave;
    case StatementKind::continue_loop:
      return Flow::next;
    case StatementKind::macro:
      scope->set(node.function.name, make_macro(node, scope));
      break;
    case StatementKind::call_block:
      call_statement(node, scope);
      break;
    case StatementKind::filter_block: {
      const Value text = text_value(capture(node.branches[0], inner()));
      print(str(filter(*node.expressions[0], &text, scope)));
      break;
    }
    case StatementKind::with:
      with(node, scope);
      break;
    case StatementKind::scope:
      return execute(node.branches[0], inner());
    case StatementKind::autoescape:
      return autoescape(node, scope);
    case StatementKind::block:
      block(node, scope);
      break;
  }
  return Flow::normal;
}

void Interpreter::output(const Statement &node, const ScopePtr &scope) {
  for (const auto &expression : node.expressions) {
    const Value value = evaluate(*expression, scope);
    walk(value);
    const std::string text = str(value);
    print(escapes_ && !value.is_markup() ? escape_html(text) : text);
  }
}

Interpreter::Flow Interpreter::conditional(const Statement &node, const ScopePtr &scope) {
  for (size_t i = 0; i < node.expressions.size(); ++i)
    if (is_true(*this, evaluate(*node.expressions[i], scope))) return execute(node.branches[i], scope);
  return node.branches.size() > node.expressions.size() ? execute(node.branches.back(), scope) : Flow::normal;
}

Value Interpreter::filtered_items(const Statement &node, const Value &items, const ScopePtr &scope) {
  auto iterator = iterate(*this, items);
  return make_generator(
      [this, &node, scope, iterator](Value &item) {
        while (iterator->next(item)) {
          const auto inner = std::make_shared<Scope>(scope);
          assign(*node.targets[0], item, inner);
          if (is_true(*this, evaluate(*node.expressions[1], inner))) return true;
        }
        return false;
      },
      items);
}

void Interpreter::loop(const Statement &node, const Value &items, const ScopePtr &scope, int depth) {
  const Value passing = node.expressions.size() > 1 ? filtered_items(node, items, scope) : items;
  const auto context = std::make_shared<LoopContext>(*this, node, passing, scope, depth);
  bool completed = false;  // whether one iteration came to its end: then `else` is not for this loop
  for (Value item; context->advance(item);) {
    const auto inner = std::make_shared<Scope>(scope);
    inner->set("loop", Value(ObjectPtr(context)));
    assign(*node.targets[0], item, inner);
    const Flow flow = execute(node.branches[0], inner);
    if (flow == Flow::leave) break;
    completed = completed || flow == Flow::normal;
    line_ = node.line;
  }
  if (!completed && node.branches.size() > 1) execute(node.branches[1], std::make_shared<Scope>(scope));
}

std::string Interpreter::loop_again(const Statement &node, const Value &items, const ScopePtr &scope,
                                    int depth) {
  const Level level(budget());
  std::string text;
  std::string *const before = std::exchange(out_, &text);
  try {
    loop(node, items, scope, depth);
  } catch (...) {
    out_ = before;
    throw;
  }
  out_ = before;
  budget().make(static_cast<int64_t>(text.size()));
  return text;
}

void Interpreter::set_block(const Statement &node, const ScopePtr &scope) {
  Value text = text_value(capture(node.branches[0], std::make_shared<Scope>(scope)));
  if (!node.expressions.empty()) text = filter(*node.expressions[0], &text, scope);
  assign(*node.targets[0], text, scope);
}

void Interpreter::with(const Statement &node, const ScopePtr &scope) {
  const auto inner = std::make_shared<Scope>(scope);
  for (size_t i = 0; i < node.targets.size(); ++i)
    assign(*node.targets[i], evaluate(*node.expressions[i], scope), inner);
  execute(node.branches[0], inner);
}

Value Interpreter::make_macro(const Statement &node, const ScopePtr &scope) {
  auto macro = std::make_shared<Macro>(*this, node, scope);
  keep(macro);
  return Value(ObjectPtr(std::move(macro)));
}

void Interpreter::call_statement(const Statement &node, const ScopePtr &scope) {
  const Value caller = make_macro(node, scope);
  print(str(call_expression(*node.expressions[0], scope, &caller)));
}

Interpreter::Flow Interpreter::autoescape(const Statement &node, const ScopePtr &scope) {
  const bool before = std::exchange(escapes_, is_true(*this, evaluate(*node.expressions[0], scope)));
  const Flow flow = execute(node.branches[0], std::make_shared<Scope>(scope));
  escapes_ = before;
  return flow;
}

void Interpreter::find_blocks(const Body &body) {
  for (const auto &node : body) {
    if (node->kind == StatementKind::block) blocks_[node->text] = node.get();
    for (const Body &branch : node->branches) find_blocks(branch);
  }
}

void Interpreter::block(const Statement &node, const ScopePtr &scope) {
  if (node.required) fail(Failure::Kind::other, "Required block '" + node.text + "' not found");
  execute(node.branches[0], std::make_shared<Scope>(node.scoped ? scope : root_));
}

std::string Interpreter::call_block(const std::string &name) {
  return capture(blocks_.at(name)->branches[0], std::make_shared<Scope>(root_));
}

void Interpreter::assign(const Expression &target, const Value &value, const ScopePtr &scope) {
  budget().step();
  if (target.kind == ExpressionKind::tuple) return unpack(target, value, scope);
  if (target.kind == ExpressionKind::name) return scope->set(target.name, value);
  const Value *holder = scope->find(target.name);
  auto *holder_namespace = holder ? holder->object_as<Namespace>() : nullptr;
  if (!holder_namespace) fail(Failure::Kind::other, "cannot assign attribute on non-namespace object");
  holder_namespace->set(target.attribute, value);
}

void Interpreter::unpack(const Expression &target, const Value &value, const ScopePtr &scope) {
  const size_t expected = target.items.size();
  const auto iterator = iterate(*this, value, "cannot unpack non-iterable " + value.type_name() + " object");
  std::vector<Value> parts;
  for (Value part; parts.size() <= expected && iterator->next(part);) parts.push_back(part);
  if (parts.size() > expected)
    value_error("too many values to unpack (expected " + std::to_string(expected) + ")");
  if (parts.size() < expected)
    value_error("not enough values to unpack (expected " + std::to_string(expected) + ", got " +
                std::to_string(parts.size()) + ")");
  for (size_t i = 0; i < expected; ++i) assign(*target.items[i], parts[i], scope);
}

std::string Interpreter::format_now(const std::string &format) const {
  std::string python;  // what C does not have, or has for zones alone, which a clock without one leaves empty
  for (size_t i = 0; i < format.size(); ++i) {
    const char next = format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
    if (next == 'f') python += "000000";
    if (next && next != 'f' && next != 'z' && next != 'Z') (python += '%') += next;
    if (next)
      ++i;
    else
      python += format[i];
  }
  std::string out(python.size() * 4 + 256, '\0');
  python += ' ';  // so that an empty result differs from no room
  for (; out.size() < size_t{1} << 20; out.resize(out.size() * 4))
    if (const size_t size = std::strftime(out.data(), out.size(), python.c_str(), &now_))
      return out.substr(0, size - 1);
  value_error("strftime_now: the format is too long");
}

}  // namespace kvern::templates
