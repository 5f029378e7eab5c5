// Makes tokens that occurred less likely (penalty > 1). CTRL: Keskar et al. 2019.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<double> kPenalty{
    {.name = "repetition_penalty",
     .default_value = 1.0,
     .range = {.min = 0, .above_min = true},
     .help = "above 1: makes tokens that occurred less likely; 1 = off",
     .source = "CTRL: Keskar et al. 2019"}};

class RepetitionPenalty : public LogitsProcessor {
 public:
  explicit RepetitionPenalty(double penalty) : penalty_(penalty) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    auto seen = scores.gather(1, ids);
    seen = at::where(seen < 0, seen * penalty_, seen / penalty_);
    return scores.scatter(1, ids, seen);
  }

 private:
  double penalty_;
};

constexpr const OptionDeclaration *kOptions[] = {&kPenalty};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  const double value = config.get(kPenalty);
  if (value == 1.0) return nullptr;
  return std::make_unique<RepetitionPenalty>(value);
}

}  // namespace

extern constinit const ProcessorEntry processor_repetition_penalty = {ProcessorOrder::repetition, kOptions,
                                                                      make};

}  // namespace kvern
