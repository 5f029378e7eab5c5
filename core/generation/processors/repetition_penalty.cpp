// Makes tokens that occurred less likely (penalty > 1). CTRL: Keskar et al. 2019.
#include "core/generation/ngrams.hpp"
#include "core/generation/processors.hpp"
#include "core/generation/row_states.hpp"

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
  explicit RepetitionPenalty(double penalty) : penalty_(static_cast<float>(penalty)) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    auto result = scores.clone(at::MemoryFormat::Contiguous);
    for (int64_t r = 0; r < ids.size(0); ++r)
      penalize({result.data_ptr<float>() + r * scores.size(1), static_cast<size_t>(scores.size(1))},
               rows_.of(r, ids.size(0), ids_of_row(ids, r)).ids(), penalty_);
    return result;
  }
  void reorder(const std::vector<int64_t> &index) override { rows_.reorder(index); }
  void truncate(int64_t length) override { rows_.truncate(length); }

 private:
  float penalty_;
  mutable RowStates<DifferentIds> rows_;
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
