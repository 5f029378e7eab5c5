#include "runtime/cli/text_file.hpp"

#include <kvern/error.hpp>
#include <limits>
#include <utility>

#include "runtime/support/read_file.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::cli {

std::string read_text_file(const std::string &option, const std::string &path) {
  FileText file = read_file(path, std::numeric_limits<size_t>::max() - 1, /*only_regular=*/false);
  if (file.problem == "is a directory")
    throw Error(ErrorKind::input, option + " " + path + " is a directory, not a file");
  if (!file.problem.empty())
    throw Error(
        ErrorKind::input,
        option + " " + path + (file.problem == "no such file" ? " cannot be read: " : " ") + file.problem);
  return std::move(file.text);
}

void check_utf8(const std::string &text, const std::string &what) {
  if (const auto bad = tokenizer::first_invalid_byte(text))
    throw Error(ErrorKind::input, what + " is not UTF-8: byte " + std::to_string(*bad) + " is 0x" +
                                      tokenizer::hex_byte(text[*bad]));
}

}  // namespace kvern::cli
