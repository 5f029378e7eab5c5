// Makes scores log-probabilities, after all other processors.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<bool> kRenormalize{{.name = "renormalize_logits",
                                               .default_value = false,
                                               .help = "normalize scores after all other processors",
                                               .source = "transformers"}};

class RenormalizeLogits : public LogitsProcessor {
 public:
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    return scores.log_softmax(-1);
  }
};

constexpr const OptionDeclaration *kOptions[] = {&kRenormalize};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  if (!config.get(kRenormalize)) return nullptr;
  return std::make_unique<RenormalizeLogits>();
}

}  // namespace

extern constinit const ProcessorEntry processor_renormalize_logits = {ProcessorOrder::renormalize, kOptions,
                                                                      make};

}  // namespace kvern
