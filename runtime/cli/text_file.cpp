#include "runtime/cli/text_file.hpp"

#include <kvern/error.hpp>
#include <string_view>

#include "runtime/support/read_file.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::cli {

std::string read_text_file(const std::string &option, const std::string &path) {
  try {
    return without_byte_order_mark(read_file(path, ErrorKind::input, kMaxFileBytes, /*pipes=*/true));
  } catch (const Error &error) {
    throw Error(error.kind(), option + " " + error.what());
  }
}

std::string without_byte_order_mark(std::string text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with(kMark)) text.erase(0, kMark.size());
  return text;
}

void check_utf8(const std::string &text, const std::string &what) {
  if (const auto bad = tokenizer::first_invalid_byte(text))
    throw Error(ErrorKind::input, what + " is not UTF-8: byte " + std::to_string(*bad) + " is 0x" +
                                      tokenizer::hex_byte(text[*bad]));
}

}  // namespace kvern::cli
