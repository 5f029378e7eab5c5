// Any text is a configuration or one clear refusal. After a byte 0 follows a --set.
#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>

#include "runtime/config/run_config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace kvern::config;
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const size_t zero = text.find('\0');
  try {
    std::vector<Override> overrides;
    if (zero != std::string_view::npos) overrides.push_back(parse_set(text.substr(zero + 1)));
    parse_run_config(text.substr(0, zero), "run.toml", "", overrides);
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::config) std::abort();
  }
  return 0;
}
