// Makes tokens that occurred less likely (penalty > 1). CTRL: Keskar et al. 2019.
#include "core/generation/ngrams.hpp"
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
    const at::Tensor from = scores.contiguous(), result = from.clone(), texts = ids.contiguous();
    for (int64_t r = 0; r < from.size(0); ++r) penalize(from[r], result[r], ids_of_row(texts, r));
    return result;
  }

 private:
  /// A token that occurred twice is penalized once; padding may have an id outside the vocabulary.
  void penalize(const at::Tensor &scores, const at::Tensor &result, std::span<const int64_t> ids) const {
    const auto penalty = static_cast<float>(penalty_);
    const int64_t vocab_size = scores.numel();
    const auto *from = scores.const_data_ptr<float>();
    auto *to = result.data_ptr<float>();
    for (const int64_t id : ids)
      if (id >= 0 && id < vocab_size) to[id] = from[id] < 0 ? from[id] * penalty : from[id] / penalty;
  }

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
