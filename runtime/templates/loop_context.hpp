// `loop` within a for loop.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "runtime/templates/interpreter.hpp"

namespace kvern::templates {

class LoopContext : public Object, public std::enable_shared_from_this<LoopContext> {
 public:
  LoopContext(Interpreter &interpreter, const Statement &node, Value items, ScopePtr scope, int depth);

  bool advance(Value &item);  ///< to the next item; false at the end

  std::string type_name() const override { return "LoopContext"; }
  std::string repr() const override;
  std::optional<Value> attribute(Runtime &, const std::string &name) override;
  bool is_callable() const override { return true; }
  Value call(Runtime &, const Arguments &arguments) override;  ///< loop(items) of a recursive loop
  std::optional<int64_t> length(Runtime &) override { return count(); }

 private:
  int64_t count();
  const std::optional<Value> &peek();
  std::optional<Value> number(const std::string &name);
  std::optional<Value> method(const std::string &name);
  bool changed(const std::vector<Value> &values);

  Interpreter &interpreter_;
  const Statement &node_;
  Value items_;
  ScopePtr scope_;
  int depth_;
  std::shared_ptr<Iterator> iterator_;
  int64_t index_ = -1;
  std::optional<int64_t> count_;
  Value before_, current_;
  std::optional<Value> after_;
  bool peeked_ = false;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace kvern::templates
