// What could mislead a terminal is escaped: invalid UTF-8, control characters of one byte and of two.
#include "runtime/support/printable.hpp"

#include "runtime/support/utf8.hpp"

namespace kvern {
namespace {

void append_escaped(std::string &out, unsigned char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "...";
    const auto [length, code] = first_utf8(text);
    const bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    if (length == 0 || control) {
      const size_t bytes = length == 0 ? 1 : length;
      for (size_t i = 0; i < bytes; ++i) append_escaped(out, static_cast<unsigned char>(text[i]));
      text.remove_prefix(bytes);
    } else {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  out += printable(text);
  out += '\'';
  return out;
}

}  // namespace kvern
