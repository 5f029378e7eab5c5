#include "runtime/config/text/cursor.hpp"

#include <algorithm>
#include <charconv>

#include "runtime/support/printable.hpp"
#include "runtime/support/utf8.hpp"

namespace kvern::config {

Cursor::Cursor(std::string_view text, const std::string &file, const char *format)
    : text_(text), file_(file), format_(format) {
  if (text.size() > kMaxText)
    throw Error(ErrorKind::config, file + ": is larger than 1 MB; a configuration is a small text");
  if (const auto bad = invalid_utf8(text)) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(*bad), '\n');
    throw SyntaxError(ErrorKind::config, place(static_cast<size_t>(line)) + ": is not valid UTF-8; " +
                                             format + " is UTF-8 text");
  }
  if (text.starts_with("\xef\xbb\xbf")) pos_ = 3;
}

char Cursor::take() {
  const char c = peek();
  if (!at_end()) advance(1);
  return c;
}

void Cursor::advance(size_t n) {
  const size_t end = std::min(pos_ + n, text_.size());
  for (; pos_ < end; ++pos_) line_ += text_[pos_] == '\n';
}

bool Cursor::accept(char c) {
  if (at_end() || peek() != c) return false;
  advance(1);
  return true;
}

std::string Cursor::place(size_t line) const { return file_ + ":" + std::to_string(line); }

void Cursor::enter() {
  if (++depth_ > kMaxDepth) refuse_depth();
}

void Cursor::refuse_depth() const {
  throw SyntaxError(ErrorKind::config,
                    place() + ": is nested more than " + std::to_string(kMaxDepth) + " deep");
}

void Cursor::fail(size_t line, const std::string &why) const {
  throw SyntaxError(ErrorKind::config, place(line) + ": is not valid " + format_ + ": " + why);
}

std::string Cursor::found() const {
  if (at_end()) return "the end of the text";
  if (peek() == '\n' || peek() == '\r') return "the end of the line";
  return in_quotes(rest().substr(0, std::max<size_t>(1, first_utf8(rest()).length)));
}

void append_utf8(uint32_t code, std::string &to) {
  const auto byte = [&](uint32_t value) { to += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      byte(0xE0 | code >> 12);
    } else {
      byte(0xF0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3F));
    }
    byte(0x80 | (code >> 6 & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

bool parse_hex(std::string_view digits, uint32_t &code) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  return error == std::errc() && !digits.empty() && end == digits.data() + digits.size();
}

int64_t parse_integer(std::string_view text, const std::string &place) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    throw Error(ErrorKind::config, place + ": an integer is too large; integers have 64 bits");
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(ErrorKind::internal, place + ": " + in_quotes(text) + " is no integer");
  return value;
}

double parse_float(const std::string &text, const std::string &place) {
  const size_t sign = text.starts_with('+') ? 1 : 0;
  double value = 0;
  const auto result = std::from_chars(text.data() + sign, text.data() + text.size(), value);
  if (result.ec != std::errc::result_out_of_range) return value;
  const size_t digits = text.find_first_not_of("+-");
  if (text.find("e-") != std::string::npos || text.find("E-") != std::string::npos || text[digits] == '0')
    return 0;
  throw Error(ErrorKind::config, place + ": a number is too large");
}

}  // namespace kvern::config
