// Texts as Python sees them, characters and not bytes: lengths, places, case, classes of characters. Texts are valid UTF-8.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvern::templates {

std::u32string to_characters(std::string_view text);
std::string from_characters(std::u32string_view characters);
void append_character(std::string &text, char32_t c);
size_t character_bytes(std::string_view text, size_t place);  ///< of the character that begins there
size_t count_characters(std::string_view text);
size_t byte_of(std::string_view text, size_t character);  ///< text.size() beyond the last one
bool is_ascii(std::string_view text);

bool is_space(char32_t c);      ///< as str.isspace
bool is_printable(char32_t c);  ///< as str.isprintable
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
bool is_identifier_start(char32_t c);
bool is_identifier_part(char32_t c);
int decimal_value(char32_t c);  ///< -1 where it is no decimal digit

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_casefold(std::string_view text);
std::string to_title_character(char32_t c);  ///< one character in title case, which may be several

/// Where Python's str.splitlines breaks: the lines, with their ends or without.
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);

/// `text` without the characters of `which` at its ends; an empty `which` stands for white space.
enum class Side { left, right, both };
std::string strip(std::string_view text, const std::string *which, Side side);

std::string replace(std::string_view text, std::string_view from, std::string_view to, int64_t count);
std::string escape_html(std::string_view text);

}  // namespace kvern::templates
