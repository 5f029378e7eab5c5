// Takes the most likely token, the first one among equals.
#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"
#include "kernels/elementwise.hpp"

namespace kvern {
namespace {

at::Tensor most_likely(const at::Tensor &scores) {
  const auto rows = scores.contiguous();
  auto next = at::empty({rows.size(0)}, at::kLong);
  for (int64_t r = 0; r < rows.size(0); ++r)
    next.data_ptr<int64_t>()[r] =
        kernels::argmax(rows.const_data_ptr<float>() + r * rows.size(1), rows.size(1));
  return next;
}

bool applies(const GenerationConfig &, const GenerationResources &) { return true; }

int64_t rows_per_prompt(const GenerationConfig &config) { return config.get(option::num_return_sequences); }

void run(GenerationLoop &loop) { loop.run(most_likely); }

Sampler sampler(const GenerationConfig &, uint64_t &) { return most_likely; }

void check(const GenerationConfig &config) {
  const int64_t copies = config.get(option::num_return_sequences);
  if (copies > 1)
    throw Error(ErrorKind::config,
                "num_return_sequences = " + std::to_string(copies) +
                    ": it must be 1 unless tokens are sampled (do_sample = true) or num_beams "
                    "is as large: greedy rows would all be the same");
}

}  // namespace

extern constinit const StrategyEntry strategy_greedy = {
    StrategyOrder::greedy, {}, applies, rows_per_prompt, run, check, nullptr, sampler};

}  // namespace kvern
