#include "runtime/templates/text.hpp"

#include <algorithm>

#include "runtime/support/utf8.hpp"

namespace kvern::templates {
namespace {

bool ends_line(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

}  // namespace

size_t character_bytes(std::string_view text, size_t place) {
  const auto lead = static_cast<unsigned char>(text[place]);
  const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(length, text.size() - place);
}

std::u32string to_characters(std::string_view text) {
  std::u32string characters;
  characters.reserve(text.size());
  while (!text.empty()) {
    const Utf8Sequence first = first_utf8(text);
    characters += static_cast<char32_t>(first.length ? first.code : 0xFFFD);
    text.remove_prefix(first.length ? first.length : 1);
  }
  return characters;
}

void append_character(std::string &text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xE0 | (c >> 12));
    } else {
      put(0xF0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3F));
    }
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

std::string from_characters(std::u32string_view characters) {
  std::string text;
  text.reserve(characters.size());
  for (const char32_t c : characters) append_character(text, c);
  return text;
}

size_t count_characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

size_t byte_of(std::string_view text, size_t character) {
  if (is_ascii(text)) return std::min(character, text.size());
  size_t place = 0;
  while (character-- && place < text.size()) place += character_bytes(text, place);
  return place;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  for (size_t begin = 0, place = 0; begin < text.size();) {
    size_t end = text.size(), next = text.size();
    for (; place < text.size(); place = next) {
      next = place + character_bytes(text, place);
      if (!ends_line(first_utf8(text.substr(place)).code)) continue;
      if (text[place] == '\r' && next < text.size() && text[next] == '\n') ++next;
      end = place;
      break;
    }
    if (place >= text.size()) next = text.size();
    lines.emplace_back(text.substr(begin, (keep_ends ? next : end) - begin));
    begin = place = next;
  }
  return lines;
}

std::string strip(std::string_view text, const std::string *which, Side side) {
  const std::u32string set = which ? to_characters(*which) : std::u32string();
  const auto goes = [&](char32_t c) { return which ? set.find(c) != set.npos : is_space(c); };
  size_t begin = 0, end = text.size();
  while (side != Side::right && begin < end && goes(first_utf8(text.substr(begin)).code))
    begin += character_bytes(text, begin);
  while (side != Side::left && end > begin) {
    size_t last = end - 1;
    while (last > begin && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
    if (!goes(first_utf8(text.substr(last)).code)) break;
    end = last;
  }
  return std::string(text.substr(begin, end - begin));
}

std::string replace(std::string_view text, std::string_view from, std::string_view to, int64_t count) {
  std::string out;
  size_t place = 0;
  const auto left = [&] { return count < 0 || count-- > 0; };
  if (from.empty()) {  // before every character and at the end
    while (left()) {
      out += to;
      if (place >= text.size()) return out;
      const size_t length = character_bytes(text, place);
      out += text.substr(place, length);
      place += length;
    }
    return out.append(text.substr(place));
  }
  for (size_t found; (found = text.find(from, place)) != text.npos && left(); place = found + from.size())
    out.append(text.substr(place, found - place)).append(to);
  return out.append(text.substr(place));
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

}  // namespace kvern::templates
