// Texts that a user names on the command line.
#pragma once
#include <string>

namespace kvern::cli {

/// The whole file. Throws Error(input), naming the option.
std::string read_text_file(const std::string &option, const std::string &path);

/// Throws Error(input) at the first byte that is not UTF-8. `what`: "the prompt".
void check_utf8(const std::string &text, const std::string &what);

}  // namespace kvern::cli
