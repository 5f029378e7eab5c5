// Amounts of memory as people write them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvern::config {

/// "2GB", "512 MiB", "1.5 GB", "4096": bytes. KB, MB, GB, TB are powers of 1000, KiB ... TiB of 1024, in any
/// case of letters. Nothing where the text is no such amount, or not from 1 byte to 2^62.
std::optional<int64_t> parse_byte_size(std::string_view text);

}  // namespace kvern::config
