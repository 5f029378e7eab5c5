// The tokens <0x00> to <0xFF>, by which models spell bytes that they have no token for.
#pragma once
#include <string>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {

inline std::string byte_token(char byte) { return std::string("<0x").append(hex_byte(byte)).append(1, '>'); }

}  // namespace kvern::tokenizer
