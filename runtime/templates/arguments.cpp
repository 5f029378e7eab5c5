#include "runtime/templates/arguments.hpp"

#include "runtime/templates/compare.hpp"

namespace kvern::templates {

Parameters::Parameters(const char *function, const Arguments &arguments,
                       std::initializer_list<const char *> names, size_t required)
    : function_(function), values_(names.size()) {
  const std::string call = std::string(function) + "()";
  if (arguments.positional.size() > names.size())
    type_error(call + " takes at most " + std::to_string(names.size()) + " arguments (" +
               std::to_string(arguments.positional.size()) + " given)");
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto &[name, value] : arguments.named) {
    size_t i = 0;
    while (i < names.size() && name != names.begin()[i]) ++i;
    if (i == names.size()) type_error(call + " got an unexpected keyword argument '" + name + "'");
    if (values_[i]) type_error(call + " got multiple values for argument '" + name + "'");
    values_[i] = &value;
  }
  for (size_t i = 0; i < required; ++i)
    if (!values_[i])
      type_error(call + " expected at least " + std::to_string(required) + " arguments, got " +
                 std::to_string(arguments.positional.size()));
}

const std::string &Parameters::text(size_t i) const {
  require_defined(*values_[i]);
  if (!values_[i]->is_text())
    type_error(std::string(function_) + "(): expected a string, found " + values_[i]->type_name());
  return values_[i]->str();
}

int64_t Parameters::integer(size_t i) const {
  require_defined(*values_[i]);
  if (!values_[i]->is_integral())
    type_error(std::string(function_) + "(): '" + values_[i]->type_name() +
               "' object cannot be interpreted as an integer");
  return values_[i]->as_int();
}

bool Parameters::flag(Runtime &runtime, size_t i, bool otherwise) const {
  return has(i) ? is_true(runtime, *values_[i]) : otherwise;
}

void take_no_arguments(const char *function, const Arguments &arguments) {
  const auto given = arguments.positional.size() + arguments.named.size();
  if (given)
    type_error(std::string(function) + "() takes no arguments (" + std::to_string(given) + " given)");
}

}  // namespace kvern::templates
