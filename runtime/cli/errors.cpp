#include "runtime/cli/errors.hpp"

#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <mutex>

#include "runtime/support/printable.hpp"

namespace kvern::cli {
namespace {

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nowhere left to say so
    text.remove_prefix(static_cast<size_t>(n));
  }
}

/// Collects lines and writes each when it ends. Threads of plugins may log at the same time.
class LineBuffer : public std::streambuf {
 protected:
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char one = traits_type::to_char_type(c);
    xsputn(&one, 1);
    return c;
  }

  std::streamsize xsputn(const char *text, std::streamsize n) override {
    const std::lock_guard lock(mutex_);
    for (std::string_view rest(text, static_cast<size_t>(n)); !rest.empty();) {
      const size_t end = rest.find('\n');
      // more of a line than is shown is not kept
      if (line_.size() < 4 * kMaxErrorLine) line_.append(rest.substr(0, std::min(end, 4 * kMaxErrorLine)));
      if (end == std::string_view::npos) break;
      write_line("\n");
      rest.remove_prefix(end + 1);
    }
    return n;
  }

  int sync() override {
    const std::lock_guard lock(mutex_);
    if (!line_.empty()) write_line("");
    return 0;
  }

 private:
  void write_line(std::string_view end) {
    write_all(cut_printable(line_, kMaxErrorLine).append(end));
    line_.clear();
  }

  std::mutex mutex_;
  std::string line_;
};

}  // namespace

std::string error_line(std::string_view message) {
  std::string line = "kvern: ";
  line += cut_printable(message, kMaxErrorLine - line.size());
  return line + "\n";
}

PrintableErrors::PrintableErrors()
    : buffer_(std::make_unique<LineBuffer>()),
      before_(std::cerr.rdbuf(buffer_.get())),
      flags_(std::cerr.flags()) {
  std::cerr.unsetf(std::ios_base::unitbuf);  // a line is written as a whole
}

PrintableErrors::~PrintableErrors() {
  std::cerr.flush();
  std::cerr.rdbuf(before_);
  std::cerr.flags(flags_);
}

void write_terminal(std::string_view text) { write_all(text); }

}  // namespace kvern::cli
