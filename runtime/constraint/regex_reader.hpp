// Steps over the text of a pattern, and messages that say where in it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvern::constraint {

class RegexReader {
 public:
  /// Throws Error(config) for a pattern that is not UTF-8.
  RegexReader(std::string_view pattern, std::string_view place);
  bool at_end() const { return at_ >= in_.size(); }
  char peek() const { return at_end() ? '\0' : in_[at_]; }
  bool starts_with(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  bool take(char c);
  bool take(std::string_view text);
  /// The next character, which is stepped over. Throws at the end.
  char32_t next();
  /// A decimal number, if one is next. Throws above `most`.
  std::optional<int64_t> number(int64_t most);
  /// The value of so many hexadecimal digits. Throws where they are not there.
  char32_t hex(size_t digits);
  size_t position() const { return at_; }
  void seek(size_t position) { at_ = position; }
  /// "PLACE: TEXT (at byte N of 'PATTERN')"
  [[noreturn]] void fail(const std::string &text) const;

 private:
  std::string_view in_, place_;
  size_t at_ = 0;
};

}  // namespace kvern::constraint
