// Any bytes are a safetensors file or one clear refusal, and every tensor of an accepted one is inside
// of it.
#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>

#include "runtime/files/safetensors.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace kvern::files;
  try {
    const SafetensorsHeader header =
        parse_safetensors(reinterpret_cast<const std::byte *>(data), size, "input");
    uint64_t bytes = 0;
    for (const auto &[name, entry] : header.tensors) {
      check(entry.begin <= entry.end && header.data_offset + entry.end <= size);
      bytes += entry.end - entry.begin;
    }
    check(header.data_offset + bytes == size);
  } catch (const kvern::Error &error) {
    check(error.kind() == kvern::ErrorKind::model);
  }
  return 0;
}
