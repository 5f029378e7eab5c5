// A macro, or the caller of a call block.
#pragma once
#include <string>
#include <utility>

#include "runtime/templates/interpreter.hpp"

namespace kvern::templates {

class Macro : public Object {
 public:
  Macro(Interpreter &interpreter, const Statement &node, ScopePtr scope)
      : interpreter_(interpreter), node_(node), scope_(std::move(scope)) {}

  std::string type_name() const override { return "Macro"; }
  std::string repr() const override;
  std::optional<Value> attribute(Runtime &, const std::string &name) override;
  bool is_callable() const override { return true; }
  Value call(Runtime &, const Arguments &arguments) override;
  void clear() override { scope_.reset(); }

 private:
  void bind(Scope &scope, const Arguments &arguments, std::vector<bool> &given) const;
  void bind_special(Scope &scope, const Arguments &arguments, const std::vector<bool> &taken) const;
  bool names_caller() const;

  Interpreter &interpreter_;
  const Statement &node_;
  ScopePtr scope_;
};

}  // namespace kvern::templates
