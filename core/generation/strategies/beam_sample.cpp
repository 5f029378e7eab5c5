// Beam search that draws the candidates by their probability, without replacement, as PyTorch draws them: a seed gives the
// tokens that transformers gives.
#include <random>

#include "core/generation/beams/search.hpp"
#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

bool applies(const GenerationConfig &config, const GenerationResources &) {
  return config.get(option::num_beams) > 1 && samples(config);
}

int64_t rows_per_prompt(const GenerationConfig &config) { return config.get(option::num_beams); }

/// multinomial without replacement: the n largest of p / Exp(1). The generator is used for all prompts of the batch, those
/// that have ended included.
class CandidateSampler {
 public:
  CandidateSampler(int64_t prompts, uint64_t seed)
      : prompts_(prompts), generator_(at::detail::createCPUGenerator(seed)) {}

  BeamCandidates operator()(const at::Tensor &scores, const std::vector<int64_t> &prompts, int64_t n) {
    const auto noise = at::empty({prompts_, scores.size(1)}).exponential_(1, generator_);
    const auto of_rows = noise.index_select(0, at::tensor(prompts, at::kLong));
    const auto drawn = std::get<1>((scores.softmax(-1) / of_rows).topk(n));
    const auto [sorted, order] = scores.gather(1, drawn).sort(1, /*descending=*/true);
    return {sorted, drawn.gather(1, order)};
  }

 private:
  int64_t prompts_;
  at::Generator generator_;
};

void run(GenerationLoop &loop) {
  const uint64_t seed = loop.config().seed ? *loop.config().seed : std::random_device{}();
  loop.set_seed(seed);
  const auto rows = static_cast<int64_t>(loop.sequences().ids().size());
  run_beam_search(loop, CandidateSampler(rows / loop.config().get(option::num_beams), seed));
}

}  // namespace

extern constinit const StrategyEntry strategy_beam_sample = {
    StrategyOrder::beam_sample, {}, applies, rows_per_prompt, run, check_beams};

}  // namespace kvern
