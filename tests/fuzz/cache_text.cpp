// Any text is a cache argument, NAME{option = value}, or one clear refusal; accepted options pass the C ABI and come back.
#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>

#include "runtime/config/cache_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    const auto cache =
        kvern::config::parse_cache_text({reinterpret_cast<const char *>(data), size}, "--cache");
    if (cache.name.empty()) std::abort();
    const kvern::AbiOptions options(cache.options);
    if (kvern::from_abi(options.data(), options.size()).size() != cache.options.size()) std::abort();
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::config) std::abort();
  }
  return 0;
}
