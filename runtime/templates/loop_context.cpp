#include "runtime/templates/loop_context.hpp"

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/objects.hpp"

namespace kvern::templates {

LoopContext::LoopContext(Interpreter &interpreter, const Statement &node, Value items, ScopePtr scope,
                         int depth)
    : interpreter_(interpreter),
      node_(node),
      items_(std::move(items)),
      scope_(std::move(scope)),
      depth_(depth),
      iterator_(templates::iterate(interpreter, items_)) {}

const std::optional<Value> &LoopContext::peek() {
  if (!peeked_) {
    Value item;
    after_ = iterator_->next(item) ? std::optional(item) : std::nullopt;
    peeked_ = true;
  }
  return after_;
}

bool LoopContext::advance(Value &item) {
  if (!peek()) return false;
  peeked_ = false;
  before_ = std::move(current_);
  current_ = std::move(*after_);
  after_.reset();
  item = current_;
  ++index_;
  return true;
}

int64_t LoopContext::count() {
  if (count_) return *count_;
  count_ = templates::length(interpreter_, items_);
  if (count_) return *count_;
  std::vector<Value> rest = drain(interpreter_, *iterator_);  // a generator: the rest is computed now
  count_ = static_cast<int64_t>(rest.size()) + index_ + 1 + (after_ ? 1 : 0);
  iterator_ = templates::iterate(interpreter_, Value::list(std::move(rest)));
  return *count_;
}

std::string LoopContext::repr() const {
  return "<LoopContext " + std::to_string(index_ + 1) + "/" +
         std::to_string(const_cast<LoopContext *>(this)->count()) + ">";
}

std::optional<Value> LoopContext::number(const std::string &name) {
  if (name == "index") return Value(index_ + 1);
  if (name == "index0") return Value(index_);
  if (name == "length") return Value(count());
  if (name == "revindex") return Value(count() - index_);
  if (name == "revindex0") return Value(count() - index_ - 1);
  if (name == "depth") return Value(depth_ + 1);
  if (name == "depth0") return Value(depth_);
  return std::nullopt;
}

bool LoopContext::changed(const std::vector<Value> &values) {
  const Value now = Value::tuple(values);
  interpreter_.walk(now);
  if (last_changed_ && is_equal(Value::tuple(*last_changed_), now)) return false;
  last_changed_ = values;
  return true;
}

std::optional<Value> LoopContext::method(const std::string &name) {
  if (name == "cycle")
    return make_function(name, [self = shared_from_this()](Runtime &, const Arguments &arguments) {
      if (arguments.positional.empty()) type_error("no items for cycling given");
      return arguments.positional[static_cast<size_t>(self->index_) % arguments.positional.size()];
    });
  if (name == "changed")
    return make_function(name, [self = shared_from_this()](Runtime &, const Arguments &arguments) {
      return Value(self->changed(arguments.positional));
    });
  return std::nullopt;
}

std::optional<Value> LoopContext::attribute(Runtime &, const std::string &name) {
  if (name == "first") return Value(index_ == 0);
  if (name == "last") return Value(!peek());
  if (name == "previtem") return index_ <= 0 ? Value::undefined("there is no previous item") : before_;
  if (name == "nextitem") return peek() ? *peek() : Value::undefined("there is no next item");
  if (auto found = number(name)) return found;
  return method(name);
}

Value LoopContext::call(Runtime &, const Arguments &arguments) {
  if (!node_.recursive) type_error("The loop must have the 'recursive' marker to be called recursively.");
  const Parameters parameters("loop", arguments, {"iterable"}, 1);
  return interpreter_.text_value(interpreter_.loop_again(node_, parameters[0], scope_, depth_ + 1));
}

}  // namespace kvern::templates
