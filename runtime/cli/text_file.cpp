#include "runtime/cli/text_file.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <kvern/error.hpp>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::cli {

std::string read_text_file(const std::string &option, const std::string &path) {
  if (std::filesystem::is_directory(path))
    throw Error(ErrorKind::input, option + " " + path + " is a directory, not a file");
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(ErrorKind::input, option + " " + path + " cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

void check_utf8(const std::string &text, const std::string &what) {
  if (const auto bad = tokenizer::first_invalid_byte(text))
    throw Error(ErrorKind::input, what + " is not UTF-8: byte " + std::to_string(*bad) + " is 0x" +
                                      tokenizer::hex_byte(text[*bad]));
}

}  // namespace kvern::cli
