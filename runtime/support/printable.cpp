// What could mislead a terminal is escaped: invalid UTF-8, control characters of one byte and of two, direction marks.
#include "runtime/support/printable.hpp"

#include "runtime/support/utf8.hpp"

namespace kvern {
namespace {

void append_escaped(std::string &out, unsigned char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

bool is_control(uint32_t code) {
  const bool direction = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  const bool separator = code == 0x2028 || code == 0x2029;  // some terminals break the line
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || direction || separator;
}

/// Appends the first character of `text`, escaped where it has to be, and removes it there.
void append_first(std::string &out, std::string_view &text, std::string_view kept) {
  const auto [length, code] = first_utf8(text);
  const size_t bytes = length == 0 ? 1 : length;
  const bool is_kept = length == 1 && kept.find(text[0]) != std::string_view::npos;
  if (length == 0 || (is_control(code) && !is_kept))
    for (size_t i = 0; i < bytes; ++i) append_escaped(out, static_cast<unsigned char>(text[i]));
  else
    out.append(text.substr(0, bytes));
  text.remove_prefix(bytes);
}

}  // namespace

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "...";
    append_first(out, text, "");
  }
  return out;
}

std::string cut_printable(std::string_view text, size_t limit) {
  constexpr std::string_view kCut = "...";
  std::string out;
  size_t fits = 0;  // so much leaves room for kCut
  while (!text.empty()) {
    append_first(out, text, "");
    if (out.size() + kCut.size() <= limit) fits = out.size();
    if (out.size() > limit) return out.substr(0, fits).append(kCut);
  }
  return out;
}

std::string printable_lines(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) append_first(out, text, kept);
  return out;
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  out += printable(text);
  out += '\'';
  return out;
}

}  // namespace kvern
