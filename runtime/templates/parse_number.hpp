// Python's int() and float() of texts.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace kvern::templates {

/// White space around it, a sign, single underscores between digits; base 0 or a prefix that fits the base. Nothing for what
/// is no integer, or one beyond 64 bits.
std::optional<int64_t> parse_integer(const std::string &text, int64_t base);
std::optional<double> parse_float(const std::string &text);

}  // namespace kvern::templates
