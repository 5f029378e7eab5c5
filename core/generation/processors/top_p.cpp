// Keeps the smallest set of tokens whose probability reaches p. Nucleus sampling: Holtzman et al. 2020.
#include <algorithm>
#include <bit>

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

/// Increases with the value; NaN aside.
uint32_t ordered(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

constexpr int kShift = 18;  // a bucket spans 1/32 of a power of two
constexpr size_t kBuckets = size_t{1} << (32 - kShift);

/// A token is filtered if the probabilities up to its own, from the smallest on, sum to 1 - p at most. Only the tokens of the
/// bucket of scores in which the sum gets there are sorted.
class TopP : public LogitsProcessor {
 public:
  TopP(double p, int64_t min_tokens) : limit_(static_cast<float>(1.0 - p)), min_tokens_(min_tokens) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    at::Tensor result = scores.clone(at::MemoryFormat::Contiguous);
    const auto probabilities = result.softmax(-1);
    const int64_t n = result.size(1);
    for (int64_t r = 0; r < result.size(0); ++r) {
      const int64_t kept =
          filter(result.data_ptr<float>() + r * n, probabilities.const_data_ptr<float>() + r * n, n);
      if (kept < min_tokens_) keep_best(result[r], scores[r]);
    }
    return result;
  }

 private:
  /// Returns how many are kept.
  int64_t filter(float *scores, const float *probabilities, int64_t n) const {
    std::vector<double> mass(kBuckets, 0.0);
    for (int64_t i = 0; i < n; ++i) mass[ordered(scores[i]) >> kShift] += probabilities[i];
    double sum = 0;
    size_t bucket = 0;
    while (bucket + 1 < kBuckets && static_cast<float>(sum + mass[bucket]) <= limit_) sum += mass[bucket++];
    std::vector<int64_t> edge;
    int64_t kept = 0;
    for (int64_t i = 0; i < n; ++i) {
      const size_t of_score = ordered(scores[i]) >> kShift;
      if (of_score < bucket) scores[i] = static_cast<float>(kFiltered);
      if (of_score == bucket) edge.push_back(i);
      kept += of_score >= bucket;
    }
    std::stable_sort(edge.begin(), edge.end(), [&](int64_t a, int64_t b) { return scores[a] < scores[b]; });
    for (const int64_t i : edge) {
      sum += probabilities[i];
      if (static_cast<float>(sum) > limit_) break;
      scores[i] = static_cast<float>(kFiltered);
      --kept;
    }
    return kept;
  }

  void keep_best(at::Tensor result, const at::Tensor &scores) const {
    const auto best = std::get<1>(scores.topk(std::min(min_tokens_, scores.size(0))));
    result.index_copy_(0, best, scores.index_select(0, best));
  }

  float limit_;
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
