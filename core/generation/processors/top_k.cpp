// Keeps the k most likely tokens. Fan et al. 2018.
#include <algorithm>

#include "core/generation/kth_largest.hpp"
#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"

namespace kvern {

extern constinit const GenerationOption<int64_t> option::top_k{
    {.name = "top_k",
     .default_value = int64_t{50},
     .range = {.min = 0},
     .of_sampling = true,
     .help = "sample from the k most likely tokens; 0 = off",
     .source = "Fan et al. 2018"}};

namespace {

class TopK : public LogitsProcessor {
 public:
  explicit TopK(int64_t k) : k_(k) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const at::Tensor from = scores.contiguous(), result = at::empty_like(from);
    const int64_t n = from.size(1);
    for (int64_t r = 0; r < from.size(0); ++r)
      filter(from.const_data_ptr<float>() + r * n, result.data_ptr<float>() + r * n, n);
    return result;
  }

 private:
  void filter(const float *from, float *to, int64_t n) const {
    const float least = kth_largest(from, n, std::min(k_, n));
    for (int64_t i = 0; i < n; ++i) to[i] = from[i] < least ? static_cast<float>(kFiltered) : from[i];
  }

  int64_t k_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::top_k};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const int64_t value = config.get(option::top_k);
  if (value == 0) return nullptr;
  return std::make_unique<TopK>(std::max(value, context.min_tokens_to_keep));
}

}  // namespace

extern constinit const ProcessorEntry processor_top_k = {ProcessorOrder::top_k, kOptions, make};

}  // namespace kvern
