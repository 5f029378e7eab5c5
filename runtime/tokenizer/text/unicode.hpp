// The character properties and normal forms that tokenizers ask for, from ICU. Nothing here knows of tokens.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace kvern::tokenizer {

bool is_white_space(char32_t c);      ///< the property White_Space
bool is_numeric(char32_t c);          ///< general categories Nd, Nl, No
bool is_word(char32_t c);             ///< \w of UTS 18: letters, marks, decimal digits, connectors, joiners
bool is_punctuation(char32_t c);      ///< general category P, and all ASCII punctuation
bool is_mark(char32_t c);             ///< general category M
bool is_nonspacing_mark(char32_t c);  ///< general category Mn
bool is_control(char32_t c);          ///< general categories Cc, Cf and Co

/// Appends the lower case of one character, whatever stands around it (at most two characters).
void append_lower_case(std::string &text, char32_t c);

enum class NormalForm { nfc, nfd, nfkc, nfkd };
/// `text` (valid UTF-8) in a normal form.
std::string normalize(std::string_view text, NormalForm form);

/// Byte offsets of the extended grapheme clusters' ends in `text` (valid UTF-8), ascending; the last is
/// text.size().
std::vector<size_t> grapheme_ends(std::string_view text);

/// A number for the script of a character, or kAnyScript for a character of no script (unassigned).
inline constexpr int kAnyScript = -1;
int script_of(char32_t c);
/// The number of Han, to which sentencepiece counts kana as well.
int han_script();
bool is_kana_script(int script);

}  // namespace kvern::tokenizer
