// Standard error: the one way on which text of files, plugins and arguments reaches it. Lines are made printable and cut, so
// that no escape sequence reaches a terminal.
#pragma once
#include <memory>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>

namespace kvern::cli {

constexpr size_t kMaxErrorLine = 1000;  ///< bytes of a line, its line break not counted

/// "kvern: MESSAGE\n" in one line: line breaks within the message are escaped as other control characters are.
std::string error_line(std::string_view message);

/// While it lives, all that is written to std::cerr (by this program, its libraries and their log) passes through it: control
/// characters but line breaks are escaped, lines are cut. Not copied.
class PrintableErrors {
 public:
  PrintableErrors();
  ~PrintableErrors();
  PrintableErrors(const PrintableErrors &) = delete;
  PrintableErrors &operator=(const PrintableErrors &) = delete;

 private:
  std::unique_ptr<std::streambuf> buffer_;
  std::streambuf *before_;
  std::ios_base::fmtflags flags_;
};

/// Control sequences of the program's own (a progress line), past the filter.
void write_terminal(std::string_view text);

}  // namespace kvern::cli
