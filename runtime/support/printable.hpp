// Texts of files, plugins and arguments, made fit for a terminal: control bytes escaped, of bounded length.
#pragma once
#include <string>
#include <string_view>

namespace kvern {

/// `text` with every control character (of one byte or two, and those that change the direction of writing) and every byte that
/// is no valid UTF-8 as \xNN, cut to about `limit` bytes.
std::string printable(std::string_view text, size_t limit = 120);

/// The same, of at most `limit` bytes, the "..." of what was cut among them.
std::string cut_printable(std::string_view text, size_t limit);

/// The same, uncut, but for the characters of `kept`.
std::string printable_lines(std::string_view text, std::string_view kept = "\n");

/// 'text', printable and in single quotes.
std::string in_quotes(std::string_view text);

}  // namespace kvern
