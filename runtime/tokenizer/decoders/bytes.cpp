// Decoders whose tokens spell bytes.
#include <optional>
#include <utility>

#include "runtime/tokenizer/decoders/kinds.hpp"
#include "runtime/tokenizer/text/byte_alphabet.hpp"

namespace kvern::tokenizer {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "<0x41>" is 'A'; a plus sign in place of the first digit is read as the reference library reads it
std::optional<char> byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with(">")) return std::nullopt;
  const int high = token[3] == '+' ? 0 : hex_digit(token[3]), low = hex_digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

void flush(std::string &bytes, Tokens &out) {
  if (bytes.empty()) return;
  if (first_invalid_byte(bytes))
    out.insert(out.end(), bytes.size(), std::string(kReplacementCharacter));
  else
    out.push_back(bytes);
  bytes.clear();
}

}  // namespace

Tokens ByteLevelDecoder::apply(Tokens tokens) const {
  std::string bytes;
  for (const std::string &token : tokens) bytes += alphabet_to_bytes(token).value_or(token);
  return {repair_utf8(bytes)};
}

void ByteLevelDecoder::apply_within(TokenText &token) const {
  token.text = alphabet_to_bytes(token.text).value_or(token.text);
}

void ByteFallbackDecoder::apply_within(TokenText &token) const {
  const auto byte = byte_of(token.text);
  if (!byte) return;
  token.text.assign(1, *byte);
  token.is_byte = true;
}

Tokens ByteFallbackDecoder::apply(Tokens tokens) const {
  Tokens out;
  std::string bytes;
  for (std::string &token : tokens) {
    if (const auto byte = byte_of(token)) {
      bytes += *byte;
      continue;
    }
    flush(bytes, out);
    out.push_back(std::move(token));
  }
  flush(bytes, out);
  return out;
}

}  // namespace kvern::tokenizer
