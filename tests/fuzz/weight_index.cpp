// Any text is a model.safetensors.index.json or one clear refusal, and no shard of an accepted one lies outside of the
// folder.
#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>

#include "runtime/files/weight_index.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace kvern::files;
  try {
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    const WeightIndex index = parse_weight_index(JsonObject::parse(text, "index.json"));
    if (index.empty()) std::abort();
    for (const auto &[file, tensors] : index) {
      if (tensors.empty() || file.find('/') != std::string::npos || file == "..") std::abort();
    }
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::model) std::abort();
  }
  return 0;
}
