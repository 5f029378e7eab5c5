// Any text is a config.json or one clear refusal; so for what is read from it.
#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>

#include "runtime/files/model_config.hpp"

namespace {

template <class Call>
void attempt(Call call) {
  try {
    call();
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::model) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace kvern::files;
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  attempt([&] {
    const ModelConfig config = ModelConfig::parse(text, "config.json");
    attempt([&] { config.rope(); });
    attempt([&] { config.rope({}, "full_attention"); });
    attempt([&] { config.size("hidden_size"); });
  });
  return 0;
}
