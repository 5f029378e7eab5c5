// Any text is a generation_config.json or one clear refusal.
#include "runtime/files/generation_config.hpp"

#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    kvern::files::parse_generation_config({reinterpret_cast<const char *>(data), size},
                                          "generation_config.json");
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::model) std::abort();
  }
  return 0;
}
