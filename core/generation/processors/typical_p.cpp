// Locally typical sampling: Meister et al. 2023. Keeps the tokens whose surprisal is nearest to the entropy of the
// distribution, until their probability reaches p.
#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<double> kTypicalP{
    {.name = "typical_p",
     .default_value = 1.0,
     .range = {.min = 0, .max = 1, .above_min = true},
     .of_sampling = true,
     .help = "sample from tokens of typical surprisal whose probability reaches this; 1 = off",
     .source = "locally typical sampling: Meister et al. 2023"}};

class TypicalP : public LogitsProcessor {
 public:
  TypicalP(double p, int64_t min_tokens) : p_(p), min_tokens_(min_tokens) {}

  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto log_p = scores.log_softmax(-1);
    const auto entropy = -(log_p * log_p.exp()).nansum(-1, /*keepdim=*/true);
    const auto [distance, index] = (-log_p - entropy).abs().sort(-1, /*descending=*/false);
    const auto mass = scores.gather(-1, index).softmax(-1).cumsum(-1);
    const auto last = (mass < p_).sum(-1, /*keepdim=*/true).clamp_max(distance.size(-1) - 1);
    auto remove = distance > distance.gather(1, last);
    remove.slice(-1, 0, min_tokens_).fill_(false);
    return scores.masked_fill(remove.scatter(1, index, remove), kFiltered);
  }

 private:
  double p_;
  int64_t min_tokens_;
};

constexpr const OptionDeclaration *kOptions[] = {&kTypicalP};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const double value = config.get(kTypicalP);
  if (value >= 1.0) return nullptr;
  return std::make_unique<TypicalP>(value, context.min_tokens_to_keep);
}

}  // namespace

extern constinit const ProcessorEntry processor_typical_p = {ProcessorOrder::typical_p, kOptions, make};

}  // namespace kvern
