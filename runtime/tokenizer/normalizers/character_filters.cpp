// Normalizers that look at one character at a time.
#include <utility>

#include "runtime/tokenizer/normalizers/kinds.hpp"
#include "runtime/tokenizer/text/byte_alphabet.hpp"

namespace kvern::tokenizer {
namespace {

// Appends what `change(out, c)` makes of each character; at_start is lost if the first character leaves
// nothing.
template <class Change>
void each_character(Piece &piece, const Change &change) {
  std::string out;
  out.reserve(piece.text.size());
  for (size_t position = 0; position < piece.text.size();) {
    const bool first = position == 0;
    change(out, next_char(piece.text, position));
    if (first && out.empty()) piece.at_start = false;
  }
  piece.text = std::move(out);
}

bool nmt_drops(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
         c == 0x9F;
}

bool nmt_is_space(char32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
         c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}

bool is_ascii_blank(char32_t c) { return c == '\t' || c == '\n' || c == '\r'; }

bool is_cjk(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void bert_clean(std::string &out, char32_t c) {
  if (c == 0 || c == 0xFFFD || (!is_ascii_blank(c) && is_control(c))) return;
  append_char(out, is_white_space(c) ? U' ' : c);
}

void bert_surround_cjk(std::string &out, char32_t c) {
  if (is_cjk(c)) out += ' ';
  append_char(out, c);
  if (is_cjk(c)) out += ' ';
}

}  // namespace

void LowercaseNormalizer::apply(Piece &piece) const { each_character(piece, append_lower_case); }

void StripAccentsNormalizer::apply(Piece &piece) const {
  each_character(piece, [](std::string &out, char32_t c) {
    if (!is_mark(c)) append_char(out, c);
  });
}

void NmtNormalizer::apply(Piece &piece) const {
  each_character(piece, [](std::string &out, char32_t c) {
    if (!nmt_drops(c)) append_char(out, nmt_is_space(c) ? U' ' : c);
  });
}

void ByteLevelNormalizer::apply(Piece &piece) const { piece.text = bytes_to_alphabet(piece.text); }

BertNormalizer::BertNormalizer(const JsonNode &node)
    : clean_text_(node.boolean_or("clean_text", true)),
      handle_chinese_chars_(node.boolean_or("handle_chinese_chars", true)),
      lowercase_(node.boolean_or("lowercase", true)),
      strip_accents_(node.boolean_or("strip_accents", lowercase_)) {}

void BertNormalizer::apply(Piece &piece) const {
  if (clean_text_) each_character(piece, bert_clean);
  if (handle_chinese_chars_) each_character(piece, bert_surround_cjk);
  if (strip_accents_) {
    piece.text = normalize(piece.text, NormalForm::nfd);
    each_character(piece, [](std::string &out, char32_t c) {
      if (!is_nonspacing_mark(c)) append_char(out, c);
    });
  }
  if (lowercase_) each_character(piece, append_lower_case);
}

}  // namespace kvern::tokenizer
