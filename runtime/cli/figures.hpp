// Figures as the commands write them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace kvern::cli {

/// 0 where no time was measured.
inline double per_second(int64_t n, double seconds) {
  return seconds > 0 ? static_cast<double>(n) / seconds : 0;
}

/// Token ids with commas between them, as --input-ids takes them.
inline std::string ids_text(const std::vector<int64_t> &ids) {
  std::string text;
  for (const int64_t id : ids) {
    if (!text.empty()) text += ',';
    text += std::to_string(id);
  }
  return text;
}

}  // namespace kvern::cli
