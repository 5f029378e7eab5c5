// Any text is a list of token ids or one clear refusal; an accepted list is the same when it is written and read again.
#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>

#include "runtime/support/token_ids.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    const std::vector<int64_t> ids =
        kvern::parse_token_ids({reinterpret_cast<const char *>(data), size}, "--input-ids");
    std::string text;
    for (const int64_t id : ids) text.append(text.empty() ? "" : ",").append(std::to_string(id));
    if (kvern::parse_token_ids(text, "--input-ids") != ids) std::abort();
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::input) std::abort();
  }
  return 0;
}
