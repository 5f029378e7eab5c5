// Keeps tokens of at least min(eta, sqrt(eta) exp(-entropy)) in probability. Hewitt, Manning and Liang 2022.
#include <algorithm>
#include <limits>

#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<double> kEta{
    {.name = "eta_cutoff",
     .default_value = 0.0,
     .range = {.min = 0, .max = 1},
     .of_sampling = true,
     .help = "sample from tokens of at least this probability, less where the entropy is high; 0 = off",
     .source = "Hewitt, Manning and Liang 2022"}};

class EtaCutoff : public LogitsProcessor {
 public:
  EtaCutoff(double eta, int64_t min_tokens) : eta_(eta), min_tokens_(min_tokens) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto log_p = scores - scores.logsumexp(-1, /*keepdim=*/true);
    const auto finite = log_p.clamp_min(std::numeric_limits<float>::lowest());
    const auto entropy = -(finite * log_p.softmax(-1)).sum(-1, /*keepdim=*/true);
    const auto eta = at::scalar_tensor(eta_, at::kFloat);
    const auto cutoff = at::minimum(eta, eta.sqrt() * (-entropy).exp());
    const auto probs = scores.softmax(-1);
    const auto least = std::get<0>(scores.topk(std::min(min_tokens_, scores.size(-1)))).slice(-1, -1);
    const auto remove = at::logical_and(probs < cutoff, scores < least);
    return scores.masked_fill(remove, kFiltered);
  }

 private:
  double eta_;
  int64_t min_tokens_;
};

constexpr const OptionDeclaration *kOptions[] = {&kEta};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const double value = config.get(kEta);
  if (value <= 0 || value >= 1) return nullptr;
  return std::make_unique<EtaCutoff>(value, context.min_tokens_to_keep);
}

}  // namespace

extern constinit const ProcessorEntry processor_eta_cutoff = {ProcessorOrder::eta, kOptions, make};

}  // namespace kvern
