// sentencepiece's normalizer map. A unit of the double array: bit 31 and low byte label, bit 8 "a value
// follows", bits 10.. offset (shifted by 8 if bit 9 is set); a value is the place of a replacement in the
// text behind it.
#include <cstring>
#include <utility>

#include "runtime/tokenizer/normalizers/kinds.hpp"

namespace kvern::tokenizer {
namespace {

constexpr uint32_t kValueMask = 0x7FFFFFFF, kLabelMask = 0x800000FF;
constexpr size_t kLongestMappedCluster = 5;  // longer grapheme clusters are mapped character by character

std::string decode_base64(const JsonNode &node) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : node.string()) {
    if (c == '=') break;
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) node.fail("is not base64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return out;
}

size_t offset_of(uint32_t unit) { return static_cast<size_t>(unit >> 10) << ((unit & 1u << 9) >> 6); }

}  // namespace

PrecompiledNormalizer::PrecompiledNormalizer(const JsonNode &node) {
  const JsonNode map = node.at("precompiled_charsmap");
  const std::string bytes = decode_base64(map);
  uint32_t size = 0;
  if (bytes.size() >= sizeof size) std::memcpy(&size, bytes.data(), sizeof size);
  if (bytes.size() < sizeof size || size > bytes.size() - sizeof size || size < sizeof(uint32_t) ||
      size % sizeof(uint32_t) != 0)
    map.fail("is not a sentencepiece normalizer map: its table does not fit");
  units_.resize(size / sizeof(uint32_t));
  std::memcpy(units_.data(), bytes.data() + sizeof size, size);
  replacements_ = bytes.substr(sizeof size + size);
  if (first_invalid_byte(replacements_)) map.fail("has replacements that are not UTF-8");
}

const char *PrecompiledNormalizer::lookup(std::string_view part) const {
  size_t node = offset_of(units_[0]);
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return nullptr;
    node ^= byte;
    if (node >= units_.size() || (units_[node] & kLabelMask) != byte) return nullptr;
    const uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (unit & 1u << 8) {
      const size_t place = node < units_.size() ? units_[node] & kValueMask : replacements_.size();
      const bool between =
          place < replacements_.size() && (static_cast<unsigned char>(replacements_[place]) & 0xC0) == 0x80;
      return place <= replacements_.size() && !between ? replacements_.c_str() + place : nullptr;
    }
  }
  return nullptr;
}

void PrecompiledNormalizer::apply(Piece &piece) const {
  std::string out;
  size_t begin = 0;
  const std::string_view text = piece.text;
  for (const size_t end : grapheme_ends(text)) {
    const char *whole =
        end - begin <= kLongestMappedCluster ? lookup(text.substr(begin, end - begin)) : nullptr;
    piece.check_size(out.size());
    if (whole) out += whole;
    for (size_t position = begin; !whole && position < end;) {
      const size_t length = utf8_step(text, position).length;
      const char *mapped = lookup(text.substr(position, length));
      out += mapped ? std::string_view(mapped) : text.substr(position, length);
      position += length;
    }
    begin = end;
  }
  piece.text = std::move(out);
}

}  // namespace kvern::tokenizer
