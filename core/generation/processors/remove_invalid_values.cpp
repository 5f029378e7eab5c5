// Replaces scores that are not numbers by 0 and infinite ones by the largest finite ones.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<bool> kRemove{{.name = "remove_invalid_values",
                                          .default_value = false,
                                          .help = "replace scores that are not finite by finite ones",
                                          .source = "transformers"}};

class RemoveInvalidValues : public LogitsProcessor {
 public:
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    return scores.nan_to_num(0.0);
  }
};

constexpr const OptionDeclaration *kOptions[] = {&kRemove};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  if (!config.get(kRemove)) return nullptr;
  return std::make_unique<RemoveInvalidValues>();
}

}  // namespace

extern constinit const ProcessorEntry processor_remove_invalid_values = {ProcessorOrder::remove_invalid,
                                                                         kOptions, make};

}  // namespace kvern
