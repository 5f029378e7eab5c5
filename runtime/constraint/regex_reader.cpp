#include "runtime/constraint/regex_reader.hpp"

#include <kvern/error.hpp>

#include "runtime/support/printable.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::constraint {

RegexReader::RegexReader(std::string_view pattern, std::string_view place) : in_(pattern), place_(place) {
  if (const auto wrong = tokenizer::first_invalid_byte(pattern)) {
    at_ = *wrong;
    fail("the pattern is not UTF-8");
  }
}

bool RegexReader::take(char c) {
  if (at_end() || in_[at_] != c) return false;
  ++at_;
  return true;
}

bool RegexReader::take(std::string_view text) {
  if (!starts_with(text)) return false;
  at_ += text.size();
  return true;
}

char32_t RegexReader::next() {
  if (at_end()) fail("the pattern ends too early");
  return tokenizer::next_char(in_, at_);
}

std::optional<int64_t> RegexReader::number(int64_t most) {
  if (peek() < '0' || peek() > '9') return {};
  int64_t value = 0;
  while (peek() >= '0' && peek() <= '9') {
    value = value * 10 + (in_[at_++] - '0');
    if (value > most) fail("a count above " + std::to_string(most));
  }
  return value;
}

char32_t RegexReader::hex(size_t digits) {
  char32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = peek();
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) fail("expected " + std::to_string(digits) + " hexadecimal digits");
    value = value * 16 + static_cast<char32_t>(digit);
    ++at_;
  }
  return value;
}

void RegexReader::fail(const std::string &text) const {
  throw Error(ErrorKind::config, std::string(place_) + ": " + text + " (at byte " + std::to_string(at_) +
                                     " of " + in_quotes(in_) + ")");
}

}  // namespace kvern::constraint
