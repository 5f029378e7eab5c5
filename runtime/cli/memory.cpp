#include "runtime/cli/memory.hpp"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <kvern/error.hpp>
#include <new>
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

std::terminate_handler previous_terminate = std::abort;

[[noreturn]] void on_terminate() {
  try {
    if (const auto current = std::current_exception()) std::rethrow_exception(current);
  } catch (const std::bad_alloc &) {
    constexpr char line[] = "kvern: out of memory\n";
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(static_cast<int>(ErrorKind::out_of_memory));
  } catch (...) {
    previous_terminate();
  }
  std::abort();
}

}  // namespace

void exit_where_memory_ends() { previous_terminate = std::set_terminate(on_terminate); }

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
