#include "runtime/cli/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <kvern/error.hpp>
#include <string>

#include "runtime/support/printable.hpp"

namespace kvern::cli {
namespace {

// In a JSON text such characters stand in strings only.
std::string without_control_characters(std::string_view json) {
  std::string text;
  for (size_t i = 0; i < json.size(); ++i) {
    const auto byte = static_cast<unsigned char>(json[i]);
    const bool two_bytes =
        byte == 0xC2 && i + 1 < json.size() && static_cast<unsigned char>(json[i + 1]) < 0xA0;
    if (byte != 0x7F && !two_bytes) {
      text += json[i];
      continue;
    }
    if (two_bytes) ++i;
    constexpr char kDigits[] = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(json[i]);
    text.append("\\u00") += kDigits[code >> 4];
    text += kDigits[code & 15];
  }
  return text;
}

}  // namespace

void write_output(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw Error(ErrorKind::output, std::string("cannot write to standard output: ") + std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(n));
  }
}

void write_text(std::string_view text) { write_output(printable_lines(text)); }
void write_json(std::string_view dumped) { write_output(without_control_characters(dumped)); }

void write_generated(std::string_view text) {
  static const bool terminal = output_is_terminal();
  write_output(terminal ? printable_lines(text, "\n\t") : std::string(text));
}

bool output_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool errors_are_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace kvern::cli
