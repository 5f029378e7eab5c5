// The operators + - * / // % ** and the signs, as Python has them; integers have 64 bits here.
#pragma once
#include <string_view>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

Value apply_binary(Runtime &runtime, std::string_view op, const Value &a, const Value &b);
Value apply_sign(std::string_view op, const Value &value);

}  // namespace kvern::templates
