// Draws tokens by their probability, from LibTorch's CPU generator as PyTorch consumes it: a seed gives the tokens that
// transformers gives.
#include <random>

#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

bool applies(const GenerationConfig &config, const GenerationResources &) { return samples(config); }

int64_t rows_per_prompt(const GenerationConfig &config) { return config.get(option::num_return_sequences); }

Sampler sampler(const GenerationConfig &config, uint64_t &seed) {
  seed = config.seed ? *config.seed : std::random_device{}();
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  return [generator](const at::Tensor &scores) {
    return at::multinomial(scores.softmax(-1), 1, false, generator).squeeze(1);
  };
}

void run(GenerationLoop &loop) {
  uint64_t seed = 0;
  const Sampler sample = sampler(loop.config(), seed);
  loop.set_seed(seed);
  loop.run(sample);
}

}  // namespace

extern constinit const StrategyEntry strategy_sampling = {
    StrategyOrder::sampling, {}, applies, rows_per_prompt, run, nullptr, nullptr, sampler};

}  // namespace kvern
