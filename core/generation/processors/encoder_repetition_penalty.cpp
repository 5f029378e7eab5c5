// Makes tokens of the prompt more likely (penalty > 1).
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<double> kPenalty{
    {.name = "encoder_repetition_penalty",
     .default_value = 1.0,
     .range = {.min = 0, .above_min = true},
     .help = "above 1: makes tokens of the prompt more likely; 1 = off",
     .source = "transformers"}};

class EncoderRepetitionPenalty : public LogitsProcessor {
 public:
  EncoderRepetitionPenalty(at::Tensor prompt, double penalty)
      : prompt_(std::move(prompt)), penalty_(penalty) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto prompt = prompt_.repeat_interleave(scores.size(0) / prompt_.size(0), 0);
    auto seen = scores.gather(1, prompt);
    seen = at::where(seen < 0, seen * penalty_, seen / penalty_);
    return scores.scatter(1, prompt, seen);
  }

  void reorder(const std::vector<int64_t> &index) override {
    prompt_ = prompt_.index_select(0, at::tensor(index, at::kLong));
  }

 private:
  at::Tensor prompt_;
  double penalty_;
};

constexpr const OptionDeclaration *kOptions[] = {&kPenalty};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const double value = config.get(kPenalty);
  if (value == 1.0) return nullptr;
  return std::make_unique<EncoderRepetitionPenalty>(context.source(), 1 / value);
}

}  // namespace

extern constinit const ProcessorEntry processor_encoder_repetition_penalty = {
    ProcessorOrder::encoder_repetition, kOptions, make};

}  // namespace kvern
