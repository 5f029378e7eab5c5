// UTF-8, judged strictly: no overlong forms, no surrogates, nothing above U+10FFFF. For texts that people write;
// not for tokens, whose bytes may be anything.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kvern {

struct Utf8Sequence {
  size_t length;  ///< bytes; 0: not valid
  uint32_t code;
};

/// The sequence that `text`, which is not empty, begins with.
Utf8Sequence first_utf8(std::string_view text);

/// The offset of the first byte that does not belong to a valid sequence, or nothing.
std::optional<size_t> invalid_utf8(std::string_view text);

}  // namespace kvern
