// Texts that a user names on the command line.
#pragma once
#include <string>

namespace kvern::cli {

/// The whole file without its byte order mark. Throws Error(input), naming the option.
std::string read_text_file(const std::string &option, const std::string &path);

/// The text without U+FEFF at its beginning: editors mark UTF-8 with it, it is no part of the text.
std::string without_byte_order_mark(std::string text);

/// Throws Error(input) at the first byte that is not UTF-8. `what`: "the prompt".
void check_utf8(const std::string &text, const std::string &what);

}  // namespace kvern::cli
