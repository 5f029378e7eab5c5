// Classes and case of characters, from ICU.
#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include <functional>
#include <kvern/error.hpp>

#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

UChar32 point(char32_t c) { return static_cast<UChar32>(c); }
uint32_t category(char32_t c) { return U_MASK(u_charType(point(c))); }

void check(UErrorCode status) {
  if (U_FAILURE(status) && status != U_BUFFER_OVERFLOW_ERROR)
    throw Error(ErrorKind::internal, std::string("ICU: ") + u_errorName(status));
}

using Utf16 = std::u16string;

Utf16 to_utf16(std::string_view text) {
  Utf16 out(text.size() + 1, u'\0');
  int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strFromUTF8(out.data(), static_cast<int32_t>(out.size()), &length, text.data(),
                static_cast<int32_t>(text.size()), &status);
  check(status);
  out.resize(static_cast<size_t>(length));
  return out;
}

std::string from_utf16(const Utf16 &text) {
  std::string out(text.size() * 3 + 1, '\0');
  int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strToUTF8(out.data(), static_cast<int32_t>(out.size()), &length, text.data(),
              static_cast<int32_t>(text.size()), &status);
  check(status);
  out.resize(static_cast<size_t>(length));
  return out;
}

using Mapping = std::function<int32_t(UChar *, int32_t, const UChar *, int32_t, UErrorCode *)>;

std::string map_case(std::string_view text, const Mapping &mapping) {
  const Utf16 source = to_utf16(text);
  Utf16 out(source.size() * 3 + 1, u'\0');  // no character becomes more than three
  UErrorCode status = U_ZERO_ERROR;
  const int32_t length = mapping(out.data(), static_cast<int32_t>(out.size()), source.data(),
                                 static_cast<int32_t>(source.size()), &status);
  check(status);
  out.resize(static_cast<size_t>(length));
  return from_utf16(out);
}

std::string map_ascii(std::string_view text, int (*map)(int)) {
  std::string out(text);
  for (char &c : out) c = static_cast<char>(map(static_cast<unsigned char>(c)));
  return out;
}

int ascii_upper(int c) { return c >= 'a' && c <= 'z' ? c - 32 : c; }
int ascii_lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

}  // namespace

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || (category(c) & U_GC_Z_MASK);
}

bool is_printable(char32_t c) { return c == ' ' || !(category(c) & (U_GC_C_MASK | U_GC_Z_MASK)); }

bool is_alpha(char32_t c) { return category(c) & U_GC_L_MASK; }
bool is_decimal(char32_t c) { return category(c) & U_GC_ND_MASK; }

bool is_digit(char32_t c) {
  const int type = u_getIntPropertyValue(point(c), UCHAR_NUMERIC_TYPE);
  return type == U_NT_DECIMAL || type == U_NT_DIGIT;
}

bool is_numeric(char32_t c) { return u_getIntPropertyValue(point(c), UCHAR_NUMERIC_TYPE) != U_NT_NONE; }
bool is_upper(char32_t c) { return u_isUUppercase(point(c)); }
bool is_lower(char32_t c) { return u_isULowercase(point(c)); }
bool is_title(char32_t c) { return category(c) & U_GC_LT_MASK; }
bool is_identifier_start(char32_t c) { return c == '_' || u_hasBinaryProperty(point(c), UCHAR_XID_START); }
bool is_identifier_part(char32_t c) { return u_hasBinaryProperty(point(c), UCHAR_XID_CONTINUE); }
int decimal_value(char32_t c) { return is_decimal(c) ? u_charDigitValue(point(c)) : -1; }

std::string to_upper(std::string_view text) {
  if (is_ascii(text)) return map_ascii(text, ascii_upper);
  return map_case(text, [](UChar *out, int32_t room, const UChar *in, int32_t length, UErrorCode *status) {
    return u_strToUpper(out, room, in, length, "", status);
  });
}

std::string to_lower(std::string_view text) {
  if (is_ascii(text)) return map_ascii(text, ascii_lower);
  return map_case(text, [](UChar *out, int32_t room, const UChar *in, int32_t length, UErrorCode *status) {
    return u_strToLower(out, room, in, length, "", status);
  });
}

std::string to_casefold(std::string_view text) {
  if (is_ascii(text)) return map_ascii(text, ascii_lower);
  return map_case(text, [](UChar *out, int32_t room, const UChar *in, int32_t length, UErrorCode *status) {
    return u_strFoldCase(out, room, in, length, U_FOLD_CASE_DEFAULT, status);
  });
}

std::string to_title_character(char32_t c) {
  std::string one;
  append_character(one, c);
  const char32_t title = static_cast<char32_t>(u_totitle(point(c)));
  const std::string upper = to_upper(one);
  if (count_characters(upper) == 1) {  // most: one character, whose title case may differ from its upper case
    std::string out;
    append_character(out, title);
    return out;
  }
  const std::u32string several = to_characters(upper);  // 'ß' -> "Ss"
  return from_characters(several.substr(0, 1)) + to_lower(from_characters(several.substr(1)));
}

}  // namespace kvern::templates
