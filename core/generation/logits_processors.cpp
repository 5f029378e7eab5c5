// Each processor does the operations of its namesake in the same order, so that seeded samples come out the
// same.
#include "core/generation/logits_processors.hpp"

#include <algorithm>
#include <limits>

namespace kvern {
namespace {

constexpr double kFiltered = -std::numeric_limits<double>::infinity();

/// Makes tokens that occurred less likely (penalty > 1). CTRL: Keskar et al. 2019.
class RepetitionPenalty : public LogitsProcessor {
 public:
  explicit RepetitionPenalty(double penalty) : penalty_(penalty) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    auto seen = scores.gather(1, ids);
    seen = at::where(seen < 0, seen * penalty_, seen / penalty_);
    return scores.scatter(1, ids, seen);
  }

 private:
  double penalty_;
};

class Temperature : public LogitsProcessor {
 public:
  explicit Temperature(double temperature) : temperature_(temperature) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    return scores / temperature_;
  }

 private:
  double temperature_;
};

/// Keeps the k most likely. Fan et al. 2018.
class TopK : public LogitsProcessor {
 public:
  explicit TopK(int64_t k) : k_(k) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto best = std::get<0>(scores.topk(std::min(k_, scores.size(-1))));
    return scores.masked_fill(scores < best.slice(-1, -1), kFiltered);
  }

 private:
  int64_t k_;
};

/// Keeps the smallest set of tokens whose probability reaches p. Nucleus sampling: Holtzman et al. 2020.
class TopP : public LogitsProcessor {
 public:
  explicit TopP(double p) : p_(p) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto [sorted, index] = scores.sort(-1, /*descending=*/false);
    auto remove = sorted.softmax(-1).cumsum(-1) <= 1.0 - p_;
    remove.slice(-1, -1).fill_(false);
    return scores.masked_fill(remove.scatter(1, index, remove), kFiltered);
  }

 private:
  double p_;
};

/// Keeps what is at least p times as likely as the most likely. Nguyen et al. 2024.
class MinP : public LogitsProcessor {
 public:
  explicit MinP(double p) : p_(p) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    const auto probs = scores.softmax(-1);
    const auto [top, index] = probs.max(-1, /*keepdim=*/true);
    auto remove = probs < top * p_;
    return scores.masked_fill(remove.scatter(1, index, false), kFiltered);
  }

 private:
  double p_;
};

}  // namespace

LogitsProcessors make_processors(const GenerationConfig &config) {
  LogitsProcessors list;
  if (config.repetition_penalty != 1.0)
    list.push_back(std::make_unique<RepetitionPenalty>(config.repetition_penalty));
  if (!config.do_sample) return list;
  if (config.temperature != 1.0) list.push_back(std::make_unique<Temperature>(config.temperature));
  if (config.top_k != 0) list.push_back(std::make_unique<TopK>(config.top_k));
  if (config.top_p < 1.0) list.push_back(std::make_unique<TopP>(config.top_p));
  if (config.min_p) list.push_back(std::make_unique<MinP>(*config.min_p));
  return list;
}

}  // namespace kvern
