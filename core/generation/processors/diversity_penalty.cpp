// Lowers the scores of tokens that earlier groups of beams have chosen in the same step. Vijayakumar et al. 2016.
#include <algorithm>

#include "core/generation/beams/search.hpp"
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

class DiversityPenalty : public LogitsProcessor {
 public:
  DiversityPenalty(double penalty, const std::vector<std::vector<int64_t>> &chosen)
      : penalty_(static_cast<float>(penalty)), chosen_(chosen) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    if (chosen_.front().empty()) return scores;
    const at::Tensor result = scores.clone(at::MemoryFormat::Contiguous);
    for (size_t r = 0; r < chosen_.size(); ++r)
      lower(scores.select(0, static_cast<int64_t>(r)), result.select(0, static_cast<int64_t>(r)), chosen_[r]);
    return result;
  }

 private:
  void lower(const at::Tensor &scores, const at::Tensor &result, const std::vector<int64_t> &chosen) const {
    const auto before = scores.contiguous();
    for (const int64_t id : chosen) {
      const auto times = static_cast<float>(std::count(chosen.begin(), chosen.end(), id));
      result.data_ptr<float>()[id] = before.const_data_ptr<float>()[id] - penalty_ * times;
    }
  }

  float penalty_;
  const std::vector<std::vector<int64_t>> &chosen_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::diversity_penalty};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const double penalty = config.get(option::diversity_penalty);
  if (penalty == 0 || context.chosen_by_groups == nullptr) return nullptr;
  return std::make_unique<DiversityPenalty>(penalty, *context.chosen_by_groups);
}

}  // namespace

extern constinit const ProcessorEntry processor_diversity_penalty = {ProcessorOrder::diversity, kOptions,
                                                                     make};

}  // namespace kvern
