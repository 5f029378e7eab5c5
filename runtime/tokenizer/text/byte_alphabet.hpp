// GPT-2's alphabet: every byte written as one visible character (space is U+0120), and back.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace kvern::tokenizer {

/// Each byte of `bytes` as its character, in UTF-8.
std::string bytes_to_alphabet(std::string_view bytes);

/// The bytes that `text` spells, or nothing if a character is not of the alphabet.
std::optional<std::string> alphabet_to_bytes(std::string_view text);

}  // namespace kvern::tokenizer
