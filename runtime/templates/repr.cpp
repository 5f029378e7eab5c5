#include "runtime/templates/repr.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

std::string hex_escape(char32_t c) {
  char out[16];
  const char *format = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(out, sizeof out, format, static_cast<unsigned>(c));
  return out;
}

void append_escaped(std::string &out, char32_t c, char quote) {
  if (c == '\\' || c == static_cast<char32_t>(quote)) {
    out += '\\';
    out += static_cast<char>(c);
  } else if (c == '\n' || c == '\r' || c == '\t') {
    out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
  } else if (is_printable(c)) {
    append_character(out, c);
  } else {
    out += hex_escape(c);
  }
}

std::string repr_items(const std::vector<Value> &items) {
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) out += (i ? ", " : "") + repr(items[i]);
  return out;
}

std::string repr_list(const List &list) {
  if (!list.is_tuple()) return "[" + repr_items(list.items) + "]";
  return "(" + repr_items(list.items) + (list.items.size() == 1 ? ",)" : ")");
}

std::string repr_dict(const Dict &dict) {
  std::string out = "{";
  for (const auto &[key, value] : dict.entries()) {
    if (out.size() > 1) out += ", ";
    out += repr(key) + ": " + repr(value);
  }
  return out + "}";
}

/// Digits and exponent of the shortest text, as Python writes it: exponents below -4 and from 16 on.
std::string place_point(std::string digits, int exponent) {
  if (exponent < -4 || exponent >= 16) {
    if (digits.size() > 1) digits.insert(1, ".");
    char out[16];
    std::snprintf(out, sizeof out, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return digits + out;
  }
  if (exponent < 0) return "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return digits + std::string(whole - digits.size(), '0') + ".0";
  return digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace

std::string repr_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific).ptr;
  const std::string text(buffer, end);
  const size_t e = text.find('e');
  std::string digits = text.substr(0, e);
  if (digits.size() > 1) digits.erase(1, 1);
  return (std::signbit(value) ? "-" : "") + place_point(digits, std::stoi(text.substr(e + 1)));
}

std::string repr_text(std::string_view text) {
  const bool has_single = text.find('\'') != text.npos, has_double = text.find('"') != text.npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (const char32_t c : to_characters(text)) append_escaped(out, c, quote);
  return out + quote;
}

std::string repr(const Value &value) {
  if (value.is_text())
    return value.is_markup() ? "Markup(" + repr_text(value.str()) + ")" : repr_text(value.str());
  if (value.is_undefined()) return "Undefined";
  return str(value);
}

std::string ascii_repr(const Value &value) {
  std::string out;
  for (const char32_t c : to_characters(repr(value)))
    if (c < 0x80)
      out += static_cast<char>(c);
    else
      out += hex_escape(c);
  return out;
}

std::string str(const Value &value) {
  if (value.is_text()) return value.str();
  if (value.is_undefined()) return "";
  if (value.is_none()) return "None";
  if (value.is_bool()) return value.as_bool() ? "True" : "False";
  if (value.is_int()) return std::to_string(value.as_int());
  if (value.is_float()) return repr_float(value.as_double());
  if (value.is_list()) return repr_list(value.as_list());
  return value.is_dict() ? repr_dict(value.as_dict()) : value.as_object()->repr();
}

}  // namespace kvern::templates
