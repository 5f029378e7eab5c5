// Oniguruma's meaning of the names, spelled with properties that PCRE2 knows; ICU knows all aliases.
#include "runtime/tokenizer/text/regex_names.hpp"

#include <unicode/uchar.h>

#include <array>
#include <cctype>
#include <utility>

namespace kvern::tokenizer {
namespace {

std::string lower(std::string_view name) {
  std::string out;
  for (const char c : name) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string braced(std::string_view name) { return std::string(R"(\p{)").append(name).append("}"); }

// "Lu" for the general category "Uppercase Letter", or ""
std::string category_items(const std::string &name) {
  const int32_t value = u_getPropertyValueEnum(UCHAR_GENERAL_CATEGORY_MASK, name.c_str());
  if (value == UCHAR_INVALID_CODE) return "";
  if (static_cast<uint32_t>(value) == U_GC_LC_MASK) return R"(\p{L&})";
  const char *code = u_getPropertyValueName(UCHAR_GENERAL_CATEGORY_MASK, value, U_SHORT_PROPERTY_NAME);
  return code ? braced(code) : "";
}

// PCRE2's \p{Han} means the script and its extensions, Oniguruma's the script alone
std::string script_items(const std::string &name) {
  const int32_t value = u_getPropertyValueEnum(UCHAR_SCRIPT, name.c_str());
  const char *script = value == UCHAR_INVALID_CODE
                           ? nullptr
                           : u_getPropertyValueName(UCHAR_SCRIPT, value, U_LONG_PROPERTY_NAME);
  return script ? braced(std::string("sc:") + script) : "";
}

std::string binary_items(const std::string &name) {
  const UProperty property = u_getPropertyEnum(name.c_str());
  if (property < UCHAR_BINARY_START || property >= UCHAR_BINARY_LIMIT) return "";
  const char *known = u_getPropertyName(property, U_LONG_PROPERTY_NAME);
  return known ? braced(known) : "";
}

}  // namespace

std::string posix_items(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kClasses{{
      {"alnum", R"(\p{Alphabetic}\p{Nd})"},
      {"alpha", R"(\p{Alphabetic})"},
      {"ascii", R"(\x00-\x7f)"},
      {"blank", R"(\p{Zs}\t)"},
      {"cntrl", R"(\p{Cc})"},
      {"digit", R"(\p{Nd})"},
      {"graph", R"(\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co})"},
      {"lower", R"(\p{Lowercase})"},
      {"print", R"(\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}\p{Zs})"},
      {"punct", R"(\p{P}\p{S})"},
      {"space", kSpaceItems},
      {"upper", R"(\p{Uppercase})"},
      {"word", kWordItems},
      {"xdigit", kHexItems},
  }};
  const std::string wanted = lower(name);
  for (const auto &[known, items] : kClasses)
    if (wanted == known) return std::string(items);
  return "";
}

std::string property_items(std::string_view name) {
  const std::string text(name);
  if (lower(name) == "punct") return R"(\p{P})";  // without the symbols, unlike [:punct:]
  if (std::string items = posix_items(name); !items.empty()) return items;
  if (lower(name) == "any") return R"(\p{Any})";
  if (std::string items = category_items(text); !items.empty()) return items;
  if (std::string items = script_items(text); !items.empty()) return items;
  if (std::string items = binary_items(text); !items.empty()) return items;
  return braced(name);
}

std::string inverse_items(std::string_view items) {
  const bool is_single = items.starts_with(R"(\p{)") && items.find('}') == items.size() - 1;
  return is_single ? std::string(R"(\P)").append(items.substr(2)) : "";
}

}  // namespace kvern::tokenizer
