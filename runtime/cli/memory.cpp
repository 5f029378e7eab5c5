#include "runtime/cli/memory.hpp"

#include <malloc.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace kvern::cli {
namespace {

// Above the logits of most vocabularies, so that decoding maps nothing.
constexpr int kMmapThreshold = 1 << 20, kTrimThreshold = 2 << 20;

int64_t status_field(const std::string &name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    int64_t kibibytes = 0;
    if (words >> key >> kibibytes && key == name) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

void return_large_blocks() {
  mallopt(M_MMAP_THRESHOLD, kMmapThreshold);
  mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
}

int64_t peak_resident_bytes() { return status_field("VmHWM:"); }

int64_t resident_bytes() { return status_field("VmRSS:"); }

std::string byte_text(int64_t bytes) {
  constexpr const char *units[] = {"bytes", "kB", "MB", "GB", "TB"};
  double amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (amount >= 1000 && unit < 4) {
    amount /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
  return text;
}

}  // namespace kvern::cli
