// Keeps the smallest set of tokens whose probability reaches p. Nucleus sampling: Holtzman et al. 2020.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<double> kTopP{
    {.name = "top_p",
     .default_value = 1.0,
     .range = {.min = 0, .max = 1},
     .of_sampling = true,
     .help = "sample from the smallest set of tokens whose probability reaches this; 1 = off",
     .source = "nucleus sampling: Holtzman et al. 2020"}};

class TopP : public LogitsProcessor {
 public:
  TopP(double p, int64_t min_tokens) : p_(p), min_tokens_(min_tokens) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto [sorted, index] = scores.sort(-1, /*descending=*/false);
    auto remove = sorted.softmax(-1).cumsum(-1) <= 1.0 - p_;
    remove.slice(-1, -min_tokens_).fill_(false);
    return scores.masked_fill(remove.scatter(1, index, remove), kFiltered);
  }

 private:
  double p_;
  int64_t min_tokens_;
};

constexpr const OptionDeclaration *kOptions[] = {&kTopP};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const double value = config.get(kTopP);
  if (value >= 1.0) return nullptr;
  return std::make_unique<TopP>(value, context.min_tokens_to_keep);
}

}  // namespace

extern constinit const ProcessorEntry processor_top_p = {ProcessorOrder::top_p, kOptions, make};

}  // namespace kvern
