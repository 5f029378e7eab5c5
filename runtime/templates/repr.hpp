// Python's str() and repr() of values.
#pragma once
#include <string>

#include "runtime/templates/value.hpp"

namespace kvern::templates {

std::string str(const Value &value);
std::string repr(const Value &value);
std::string repr_text(std::string_view text);
std::string ascii_repr(const Value &value);  ///< as the conversion !a: what is not ASCII escaped
std::string repr_float(double value);        ///< the shortest text that reads back: 1.0, 1e+16, inf, nan

}  // namespace kvern::templates
