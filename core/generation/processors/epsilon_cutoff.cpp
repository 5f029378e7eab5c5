// Keeps tokens of at least this probability. Hewitt, Manning and Liang 2022.
#include <algorithm>

#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<double> kEpsilon{
    {.name = "epsilon_cutoff",
     .default_value = 0.0,
     .range = {.min = 0, .max = 1},
     .of_sampling = true,
     .help = "sample from tokens of at least this probability; 0 = off",
     .source = "Hewitt, Manning and Liang 2022"}};

class EpsilonCutoff : public LogitsProcessor {
 public:
  EpsilonCutoff(double epsilon, int64_t min_tokens) : epsilon_(epsilon), min_tokens_(min_tokens) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto probs = scores.softmax(-1);
    const auto least = std::get<0>(scores.topk(std::min(min_tokens_, scores.size(-1)))).slice(-1, -1);
    const auto remove = at::logical_and(probs < epsilon_, scores < least);
    return scores.masked_fill(remove, kFiltered);
  }

 private:
  double epsilon_;
  int64_t min_tokens_;
};

constexpr const OptionDeclaration *kOptions[] = {&kEpsilon};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const double value = config.get(kEpsilon);
  if (value <= 0 || value >= 1) return nullptr;
  return std::make_unique<EpsilonCutoff>(value, context.min_tokens_to_keep);
}

}  // namespace

extern constinit const ProcessorEntry processor_epsilon_cutoff = {ProcessorOrder::epsilon, kOptions, make};

}  // namespace kvern
