// Any text is a configuration or one clear refusal. After a byte 0 follows a --set.
#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>
#include <kvern/generation_options.hpp>

#include "runtime/config/run_config.hpp"

namespace {

// One option of each type, without what generation does with them.
constexpr kvern::GenerationOption<bool> kBool{{.name = "do_sample", .default_value = false}};
constexpr kvern::GenerationOption<int64_t> kInteger{
    {.name = "top_k", .default_value = int64_t{50}, .range = {.min = 0}}};
constexpr kvern::GenerationOption<std::optional<double>> kNumber{
    {.name = "min_p", .range = {.min = 0, .max = 1}}};
constexpr kvern::GenerationOption<std::vector<int64_t>> kIds{{.name = "eos_token_id", .range = {.min = 0}}};
constexpr kvern::GenerationOption<std::vector<std::string>> kTexts{{.name = "stop_strings"}};
constexpr const kvern::OptionDeclaration *kOptions[] = {&kBool, &kInteger, &kNumber, &kIds, &kTexts};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace kvern::config;
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const size_t zero = text.find('\0');
  try {
    std::vector<Override> overrides;
    if (zero != std::string_view::npos) overrides.push_back(parse_set(text.substr(zero + 1)));
    parse_run_config(text.substr(0, zero), "run.toml", "", overrides, kOptions);
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::config) std::abort();
  }
  return 0;
}
