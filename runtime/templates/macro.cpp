#include "runtime/templates/macro.hpp"

#include <algorithm>

namespace kvern::templates {

std::string Macro::repr() const {
  return node_.function.name.empty() ? "<Macro anonymous>" : "<Macro '" + node_.function.name + "'>";
}

std::optional<Value> Macro::attribute(Runtime &, const std::string &name) {
  const Function &function = node_.function;
  if (name == "name") return function.name.empty() ? Value() : Value(function.name);
  if (name == "catch_kwargs") return Value(function.takes_kwargs);
  if (name == "catch_varargs") return Value(function.takes_varargs);
  if (name == "caller") return Value(function.takes_caller);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names(function.parameters.begin(), function.parameters.end());
  return Value::tuple(std::move(names));
}

bool Macro::names_caller() const {
  const auto &names = node_.function.parameters;
  return std::find(names.begin(), names.end(), "caller") != names.end();
}

/// Parameters from positions, then names; `taken` says which named arguments were used.
void Macro::bind(Scope &scope, const Arguments &arguments, std::vector<bool> &taken) const {
  const auto &names = node_.function.parameters;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i < arguments.positional.size()) {
      scope.set(names[i], arguments.positional[i]);
      continue;
    }
    for (size_t k = 0; k < arguments.named.size(); ++k)
      if (arguments.named[k].first == names[i]) {
        scope.set(names[i], arguments.named[k].second);
        taken[k] = true;
      }
  }
}

void Macro::bind_special(Scope &scope, const Arguments &arguments, const std::vector<bool> &taken) const {
  const Function &function = node_.function;
  Value caller = Value::undefined("No caller defined");
  Dict rest;
  for (size_t i = 0; i < arguments.named.size(); ++i) {
    const auto &[name, value] = arguments.named[i];
    if (taken[i]) continue;
    if (name == "caller" && function.takes_caller && !names_caller())
      caller = value;
    else if (function.takes_kwargs)
      rest.set(Value(name), value);
    else if (name == "caller")
      type_error("macro '" + function.name +
                 "' was invoked with two values for the special caller argument. This is most likely a bug.");
    else
      type_error("macro '" + function.name + "' takes no keyword argument '" + name + "'");
  }
  if (function.takes_caller && !names_caller()) scope.set("caller", caller);
  if (function.takes_kwargs) scope.set("kwargs", Value::dict(std::move(rest)));
  const size_t used = std::min(function.parameters.size(), arguments.positional.size());
  if (function.takes_varargs)
    scope.set("varargs", Value::tuple({arguments.positional.begin() + static_cast<std::ptrdiff_t>(used),
                                       arguments.positional.end()}));
  else if (arguments.positional.size() > used)
    type_error("macro '" + function.name + "' takes not more than " +
               std::to_string(function.parameters.size()) + " argument(s)");
}

Value Macro::call(Runtime &, const Arguments &arguments) {
  const Function &function = node_.function;
  const auto scope = std::make_shared<Scope>(scope_);
  std::vector<bool> taken(arguments.named.size());
  bind(*scope, arguments, taken);
  bind_special(*scope, arguments, taken);
  const size_t required = function.parameters.size() - function.defaults.size();
  for (size_t i = arguments.positional.size(); i < function.parameters.size(); ++i) {
    const std::string &name = function.parameters[i];
    const bool given = std::any_of(arguments.named.begin(), arguments.named.end(),
                                   [&](const auto &named) { return named.first == name; });
    if (given) continue;
    scope->set(name, Value::undefined("parameter '" + name + "' was not provided"));
    if (i >= required) scope->set(name, interpreter_.evaluate(*function.defaults[i - required], scope));
  }
  return interpreter_.text_value(interpreter_.capture(node_.branches[0], scope));
}

}  // namespace kvern::templates
