// Everything that needs ICU (common library only).
#include "runtime/tokenizer/text/unicode.hpp"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utext.h>

#include <kvern/error.hpp>
#include <memory>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

void check(UErrorCode status, const char *what) {
  if (U_FAILURE(status))
    throw Error(ErrorKind::internal, std::string("ICU: ") + what + " failed with " + u_errorName(status));
}

const icu::Normalizer2 &instance(NormalForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2 *found = nullptr;
  switch (form) {
    case NormalForm::nfc:
      found = icu::Normalizer2::getNFCInstance(status);
      break;
    case NormalForm::nfd:
      found = icu::Normalizer2::getNFDInstance(status);
      break;
    case NormalForm::nfkc:
      found = icu::Normalizer2::getNFKCInstance(status);
      break;
    case NormalForm::nfkd:
      found = icu::Normalizer2::getNFKDInstance(status);
      break;
  }
  check(status, "loading normalization data");
  return *found;
}

uint32_t category_bit(char32_t c) { return U_MASK(u_charType(static_cast<UChar32>(c))); }

}  // namespace

bool is_white_space(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)); }
bool is_numeric(char32_t c) { return category_bit(c) & (U_GC_ND_MASK | U_GC_NL_MASK | U_GC_NO_MASK); }
bool is_mark(char32_t c) { return category_bit(c) & U_GC_M_MASK; }
bool is_nonspacing_mark(char32_t c) { return category_bit(c) & U_GC_MN_MASK; }
bool is_control(char32_t c) { return category_bit(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK); }

bool is_word(char32_t c) {
  return u_isUAlphabetic(static_cast<UChar32>(c)) ||
         (category_bit(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) || c == 0x200C || c == 0x200D;
}

bool is_punctuation(char32_t c) {
  const bool ascii =
      (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  return ascii || (category_bit(c) & U_GC_P_MASK);
}

void append_lower_case(std::string &text, char32_t c) {
  constexpr char32_t kCapitalIWithDot = 0x130;
  append_char(text, static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
  if (c == kCapitalIWithDot) append_char(text, 0x307);
}

std::string normalize(std::string_view text, NormalForm form) {
  UErrorCode status = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out, static_cast<int32_t>(text.size()));
  instance(form).normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink,
                               nullptr, status);
  check(status, "normalization");
  return out;
}

std::vector<size_t> grapheme_ends(std::string_view text) {
  if (text.empty()) return {};
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UText, decltype(&utext_close)> source(
      utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &status), utext_close);
  const std::unique_ptr<UBreakIterator, decltype(&ubrk_close)> breaks(
      ubrk_open(UBRK_CHARACTER, "", nullptr, 0, &status), ubrk_close);
  check(status, "opening the break iterator");
  ubrk_setUText(breaks.get(), source.get(), &status);
  check(status, "setting the text of the break iterator");
  std::vector<size_t> ends;
  for (int32_t end; (end = ubrk_next(breaks.get())) != UBRK_DONE;) ends.push_back(static_cast<size_t>(end));
  return ends;
}

int script_of(char32_t c) {
  UErrorCode status = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(static_cast<UChar32>(c), &status);
  return U_FAILURE(status) || script == USCRIPT_UNKNOWN ? kAnyScript : static_cast<int>(script);
}

int han_script() { return USCRIPT_HAN; }
bool is_kana_script(int script) { return script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA; }

}  // namespace kvern::tokenizer
