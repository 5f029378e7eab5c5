// Makes tokens of the prompt more likely (penalty > 1).
#include "core/generation/ngrams.hpp"
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
  EncoderRepetitionPenalty(const at::Tensor &prompt, double penalty) : penalty_(static_cast<float>(penalty)) {
    for (int64_t r = 0; r < prompt.size(0); ++r) {
      DifferentIds ids;
      for (const int64_t id : ids_of_row(prompt, r)) ids.add(id);
      prompts_.push_back(std::make_shared<const std::vector<int64_t>>(ids.ids()));
    }
  }
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    auto result = scores.clone(at::MemoryFormat::Contiguous);
    const int64_t copies = scores.size(0) / static_cast<int64_t>(prompts_.size());
    for (int64_t r = 0; r < scores.size(0); ++r)
      penalize({result.data_ptr<float>() + r * scores.size(1), static_cast<size_t>(scores.size(1))},
               *prompts_[static_cast<size_t>(r / copies)], penalty_);
    return result;
  }

  void reorder(const std::vector<int64_t> &index) override {
    const auto before = std::move(prompts_);
    prompts_.clear();
    for (const int64_t i : index) prompts_.push_back(before[static_cast<size_t>(i)]);
  }

 private:
  std::vector<std::shared_ptr<const std::vector<int64_t>>> prompts_;
  float penalty_;
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
