// str.format: "{} {name!r:>10}".format(...)
#pragma once
#include <string>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

std::string format_fields(Runtime &runtime, const std::string &format, const Arguments &arguments);

}  // namespace kvern::templates
