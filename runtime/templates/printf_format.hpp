// The operator % of texts: "%s is %d" % (a, b), "%(name)s" % {...}.
#pragma once
#include <string>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

/// `markup`: texts are escaped for HTML, as the operator of Markup does.
std::string format_printf(Runtime &runtime, const std::string &format, const Value &values,
                          bool markup = false);

}  // namespace kvern::templates
