// The text between the quotes of a string literal.
#pragma once
#include <string>
#include <string_view>

namespace kvern::templates {

/// Python's escapes resolved; an unknown one stays as it is. Fails for one that is cut short or is no character.
std::string unescape_literal(std::string_view literal);

}  // namespace kvern::templates
