// A decimal number, blanks, a unit.
#include "runtime/config/byte_size.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <utility>

namespace kvern::config {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 10> kUnits{{{"", 1.0},
                                                                      {"b", 1.0},
                                                                      {"kb", 1e3},
                                                                      {"mb", 1e6},
                                                                      {"gb", 1e9},
                                                                      {"tb", 1e12},
                                                                      {"kib", 0x1p10},
                                                                      {"mib", 0x1p20},
                                                                      {"gib", 0x1p30},
                                                                      {"tib", 0x1p40}}};

}  // namespace

std::optional<int64_t> parse_byte_size(std::string_view text) {
  const char *end = text.data() + text.size();
  double amount = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, amount, std::chars_format::fixed);
  if (error != std::errc() || text[0] == '-') return std::nullopt;
  std::string unit;
  for (const char *c = rest; c != end; ++c) {
    if (*c != ' ' || !unit.empty()) unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
  }
  for (const auto &[name, factor] : kUnits) {
    const double bytes = amount * factor;
    if (unit == name && bytes >= 1 && bytes <= 0x1p62) return static_cast<int64_t>(bytes);
  }
  return std::nullopt;
}

}  // namespace kvern::config
