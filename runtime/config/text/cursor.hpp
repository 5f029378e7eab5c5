// A position in a text that is being parsed as JSON: line, depth, and refusals that name both; and the limits that TOML
// shares.
#pragma once
#include <cstdint>
#include <kvern/error.hpp>
#include <string>
#include <string_view>

namespace kvern::config {

constexpr size_t kMaxText = 1 << 20;  ///< bytes of a configuration
constexpr int kMaxDepth = 32;         ///< of brackets, and of the parts of a dotted key

/// A text that does not follow the grammar; other refusals (a number too large) are plain Errors.
class SyntaxError : public Error {
 public:
  using Error::Error;
};

class Cursor {
 public:
  /// `format`: "TOML" or "JSON". Refuses what is larger than 1 MB or not UTF-8, skips a byte order mark. `text` and `file`
  /// outlive the cursor.
  Cursor(std::string_view text, const std::string &file, const char *format);

  bool at_end() const { return pos_ >= text_.size(); }
  /// The byte at `offset` from here, 0 beyond the end.
  char peek(size_t offset = 0) const { return pos_ + offset < text_.size() ? text_[pos_ + offset] : '\0'; }
  bool starts_with(std::string_view prefix) const { return text_.substr(pos_).starts_with(prefix); }
  std::string_view rest() const { return text_.substr(pos_); }
  /// The text from byte `begin` up to here.
  std::string_view since(size_t begin) const { return text_.substr(begin, pos_ - begin); }
  size_t offset() const { return pos_; }
  char take();
  void advance(size_t n);
  bool accept(char c);

  size_t line() const { return line_; }
  std::string place() const { return place(line_); }
  std::string place(size_t line) const;

  /// Depth of nesting; enter() refuses beyond kMaxDepth.
  void enter();
  void leave() { --depth_; }
  [[noreturn]] void refuse_depth() const;

  /// "FILE:LINE: is not valid TOML: WHY", as SyntaxError.
  [[noreturn]] void fail(const std::string &why) const { fail(line_, why); }
  [[noreturn]] void fail(size_t line, const std::string &why) const;
  /// The next character for a message: "'x'", "the end of the line", "the end of the text".
  std::string found() const;

 private:
  std::string_view text_;
  const std::string &file_;
  const char *format_;
  size_t pos_ = 0, line_ = 1;
  int depth_ = 0;
};

/// All of `digits`, hexadecimal. False where they are not.
bool parse_hex(std::string_view digits, uint32_t &code);
void append_utf8(uint32_t code, std::string &to);

/// A decimal integer with an optional sign and without separators. Throws Error(config) where 64 bits do not hold it.
int64_t parse_integer(std::string_view text, const std::string &place);
/// A decimal fraction. What is too small is 0; throws Error(config) for what is too large.
double parse_float(const std::string &text, const std::string &place);

}  // namespace kvern::config
