// Lines that a person types: with editing and history where standard input is a terminal, as they come where it is not.
#pragma once
#include <signal.h>

#include <memory>
#include <optional>
#include <string>

namespace kvern::cli {

class LineEditor;

/// While it lives Ctrl-C ends a call that reads, and nothing else: between two reads it does nothing.
class InterruptedReads {
 public:
  InterruptedReads();
  ~InterruptedReads();
  InterruptedReads(const InterruptedReads &) = delete;
  InterruptedReads &operator=(const InterruptedReads &) = delete;

 private:
  struct sigaction before_ {};
};

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
  const InterruptedReads interrupted_reads_;
  bool is_terminal_;
  std::unique_ptr<LineEditor> editor_;  // nullptr: no terminal, or the library is not installed
};

}  // namespace kvern::cli
