// Lines that a person types: with editing and history where standard input is a terminal, as they come where it is not.
#pragma once
#include <memory>
#include <optional>
#include <string>

namespace kvern::cli {

class LineEditor;

class LineReader {
 public:
  LineReader();
  ~LineReader();
  LineReader(const LineReader &) = delete;
  LineReader &operator=(const LineReader &) = delete;

  enum class End { line, interrupted, closed };
  struct Line {
    End end = End::line;
    std::string text;  ///< without its line break
  };
  /// The next line. `prompt` is shown on a terminal. `interrupted`: Ctrl-C, which drops the line; `closed`: Ctrl-D, or the end of
  /// the input.
  Line read(const std::string &prompt);

  bool is_terminal() const { return is_terminal_; }

 private:
  bool is_terminal_;
  std::unique_ptr<LineEditor> editor_;  // nullptr: no terminal, or the library is not installed
};

}  // namespace kvern::cli
