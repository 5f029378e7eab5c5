// UTF-8 steps by the table of well-formed sequences of the Unicode standard (table 3-7).
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

struct LeadByte {
  size_t length;                          // of the whole sequence; 0: no sequence starts so
  unsigned char second_low, second_high;  // what the second byte may be
};

LeadByte lead_byte(unsigned char c) {
  if (c < 0x80) return {1, 0, 0};
  if (c >= 0xC2 && c <= 0xDF) return {2, 0x80, 0xBF};
  if (c == 0xE0) return {3, 0xA0, 0xBF};
  if (c == 0xED) return {3, 0x80, 0x9F};
  if (c >= 0xE1 && c <= 0xEF) return {3, 0x80, 0xBF};
  if (c == 0xF0) return {4, 0x90, 0xBF};
  if (c >= 0xF1 && c <= 0xF3) return {4, 0x80, 0xBF};
  if (c == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Step utf8_step(std::string_view text, size_t position) {
  const LeadByte lead = lead_byte(static_cast<unsigned char>(text[position]));
  if (lead.length <= 1) return {1, lead.length == 1};
  for (size_t i = 1; i < lead.length; ++i) {
    if (position + i >= text.size()) return {i, false};
    const auto c = static_cast<unsigned char>(text[position + i]);
    const unsigned char low = i == 1 ? lead.second_low : 0x80, high = i == 1 ? lead.second_high : 0xBF;
    if (c < low || c > high) return {i, false};
  }
  return {lead.length, true};
}

char32_t next_char(std::string_view text, size_t &position) {
  const Utf8Step step = utf8_step(text, position);
  const auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[position + i]));
  };
  char32_t c = 0xFFFD;
  if (step.valid && step.length == 1) c = byte(0);
  if (step.valid && step.length == 2) c = (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
  if (step.valid && step.length == 3) c = (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  if (step.valid && step.length == 4)
    c = (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  position += step.length;
  return c;
}

char32_t previous_char(std::string_view text, size_t &end) {
  do --end;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  size_t position = end;
  return next_char(text, position);
}

void append_char(std::string &text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12);
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | c >> 18);
    text += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

size_t count_chars(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::optional<size_t> first_invalid_byte(std::string_view text) {
  for (size_t position = 0; position < text.size();) {
    const Utf8Step step = utf8_step(text, position);
    if (!step.valid) return position;
    position += step.length;
  }
  return std::nullopt;
}

std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t position = 0; position < bytes.size();) {
    const Utf8Step step = utf8_step(bytes, position);
    out += step.valid ? bytes.substr(position, step.length) : kReplacementCharacter;
    position += step.length;
  }
  return out;
}

std::optional<std::string_view> added_text(std::string_view before, std::string_view whole) {
  while (!whole.starts_with(before)) {
    if (!before.ends_with(kReplacementCharacter)) return std::nullopt;
    before.remove_suffix(kReplacementCharacter.size());
  }
  return whole.substr(before.size());
}

std::string hex_byte(char byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(byte);
  return {kDigits[value >> 4], kDigits[value & 15]};
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  size_t position = 0;
  if (from.empty()) {
    while (position < text.size()) {
      const size_t length = utf8_step(text, position).length;
      out.append(to).append(text.substr(position, length));
      position += length;
    }
    return out.append(to);
  }
  for (size_t hit; (hit = text.find(from, position)) != std::string_view::npos; position = hit + from.size())
    out.append(text.substr(position, hit - position)).append(to);
  return out.append(text.substr(position));
}

}  // namespace kvern::tokenizer
