// Printable Latin-1 characters stand for themselves; the other 68 bytes follow from U+0100 on.
#include "runtime/tokenizer/text/byte_alphabet.hpp"

#include <array>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

constexpr char32_t kAlphabetEnd = 256 + 68;

bool stands_for_itself(unsigned b) {
  return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
}

struct Tables {
  std::array<std::string, 256> characters;
  std::array<int, kAlphabetEnd> bytes;
};

Tables make_tables() {
  Tables tables;
  tables.bytes.fill(-1);
  char32_t other = 256;
  for (unsigned b = 0; b < 256; ++b) {
    const char32_t c = stands_for_itself(b) ? b : other++;
    append_char(tables.characters[b], c);
    tables.bytes[c] = static_cast<int>(b);
  }
  return tables;
}

const Tables &tables() {
  static const Tables made = make_tables();
  return made;
}

}  // namespace

std::string bytes_to_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  for (const char b : bytes) out += tables().characters[static_cast<unsigned char>(b)];
  return out;
}

std::optional<std::string> alphabet_to_bytes(std::string_view text) {
  std::string out;
  for (size_t position = 0; position < text.size();) {
    const char32_t c = next_char(text, position);
    const int byte = c < kAlphabetEnd ? tables().bytes[c] : -1;
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

}  // namespace kvern::tokenizer
