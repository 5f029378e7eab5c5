// Keeps tokens that are at least p times as likely as the most likely one. Nguyen et al. 2024.
#include <algorithm>

#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<std::optional<double>> kMinP{
    {.name = "min_p",
     .range = {.min = 0, .max = 1},
     .of_sampling = true,
     .help = "sample from tokens at least so many times as likely as the most likely one",
     .source = "Nguyen et al. 2024"}};

class MinP : public LogitsProcessor {
 public:
  MinP(double p, int64_t min_tokens) : p_(p), min_tokens_(min_tokens) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto probs = scores.softmax(-1);
    const auto [top, most_likely] = probs.max(-1, /*keepdim=*/true);
    const auto kept =
        min_tokens_ == 1 ? most_likely : std::get<1>(probs.topk(std::min(min_tokens_, probs.size(-1))));
    const auto remove = probs < top * p_;
    return scores.masked_fill(remove.scatter(1, kept, false), kFiltered);
  }

 private:
  double p_;
  int64_t min_tokens_;
};

constexpr const OptionDeclaration *kOptions[] = {&kMinP};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const std::optional<double> value = config.get(kMinP);
  if (!value) return nullptr;
  return std::make_unique<MinP>(*value, context.min_tokens_to_keep);
}

}  // namespace

extern constinit const ProcessorEntry processor_min_p = {ProcessorOrder::min_p, kOptions, make};

}  // namespace kvern
