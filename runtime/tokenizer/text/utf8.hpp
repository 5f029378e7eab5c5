// UTF-8 in bytes: steps over characters, validates, repairs. No tables of character properties: see
// unicode.hpp.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kvern::tokenizer {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// One step over a UTF-8 text: a whole character, or the longest broken beginning of one (at least one byte).
struct Utf8Step {
  size_t length;
  bool valid;
};
Utf8Step utf8_step(std::string_view text, size_t position);

/// The character at `position`, which moves behind it. A broken one counts as U+FFFD.
char32_t next_char(std::string_view text, size_t &position);

/// The character that ends just before `end` (> 0), which moves to its beginning. The text must be valid.
char32_t previous_char(std::string_view text, size_t &end);

void append_char(std::string &text, char32_t c);
size_t count_chars(std::string_view text);

/// Where the text stops being UTF-8, or nothing if all of it is.
std::optional<size_t> first_invalid_byte(std::string_view text);

/// Every broken sequence replaced by one U+FFFD, as Rust's String::from_utf8_lossy does.
std::string repair_utf8(std::string_view bytes);

/// All occurrences of `from` replaced; an empty `from` stands before every character and at the end.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

/// What `whole` adds to `before`, both of which stand for the same bytes as far as `before` goes: U+FFFD at its end may
/// be an incomplete character that `whole` completes. Nothing if `whole` begins otherwise. A view of `whole`.
std::optional<std::string_view> added_text(std::string_view before, std::string_view whole);

/// Two hexadecimal digits, for messages.
std::string hex_byte(char byte);

}  // namespace kvern::tokenizer
