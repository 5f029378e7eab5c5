// Messages into the caller-owned error buffer of the ABI. Not part of the public headers.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace kvern {

/// Writes code and message, cut to fit at a whole UTF-8 character; returns the code. `error` may be NULL.
inline kvern_status set_error(kvern_error *error, kvern_status code, std::string_view message) noexcept {
  if (!error) return code;
  size_t size = std::min(message.size(), sizeof error->message - 1);
  if (size < message.size())
    while (size > 0 && (static_cast<unsigned char>(message[size]) & 0xC0) == 0x80) --size;
  std::memcpy(error->message, message.data(), size);
  error->message[size] = '\0';
  error->code = code;
  return code;
}

}  // namespace kvern
