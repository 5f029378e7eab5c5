// Any text is a generation_config.json or one clear refusal.
#include "runtime/files/generation_config.hpp"

#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>

namespace {

// One option of each type, without what generation does with them.
constexpr kvern::GenerationOption<bool> kBool{{.name = "do_sample", .default_value = false}};
constexpr kvern::GenerationOption<int64_t> kInteger{
    {.name = "top_k", .default_value = int64_t{50}, .range = {.min = 0}}};
constexpr kvern::GenerationOption<double> kNumber{
    {.name = "temperature", .default_value = 1.0, .range = {.min = 0}}};
constexpr kvern::GenerationOption<std::vector<int64_t>> kIds{{.name = "eos_token_id", .range = {.min = 0}}};
constexpr kvern::GenerationOption<std::vector<std::string>> kTexts{{.name = "stop_strings"}};
constexpr const kvern::OptionDeclaration *kOptions[] = {&kBool, &kInteger, &kNumber, &kIds, &kTexts};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    kvern::files::parse_generation_config({reinterpret_cast<const char *>(data), size},
                                          "generation_config.json", kOptions);
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::model) std::abort();
  }
  return 0;
}
