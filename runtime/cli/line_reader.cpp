#include "runtime/cli/line_reader.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "runtime/cli/errors.hpp"
#include "runtime/cli/line_editor.hpp"

namespace kvern::cli {
namespace {

/// Bytes up to the line break, without a library.
LineReader::Line read_plainly() {
  LineReader::Line line;
  for (char c; true;) {
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) return {LineReader::End::interrupted, ""};
    if (got <= 0) {
      line.end = line.text.empty() ? LineReader::End::closed : LineReader::End::line;
      return line;
    }
    if (c == '\n') return line;
    line.text += c;
  }
}

}  // namespace

InterruptedReads::InterruptedReads() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_);
}

InterruptedReads::~InterruptedReads() { sigaction(SIGINT, &before_, nullptr); }

LineReader::LineReader() : is_terminal_(::isatty(STDIN_FILENO) == 1) {
  if (is_terminal_) editor_ = LineEditor::open();
}

LineReader::~LineReader() = default;

LineReader::Line LineReader::read(const std::string &prompt) {
  Line line =
      editor_ ? editor_->read(prompt) : (is_terminal_ ? write_terminal(prompt) : void(), read_plainly());
  if (line.text.ends_with('\r')) line.text.pop_back();
  return line;
}

}  // namespace kvern::cli
