// Beam search: continues each prompt in the likeliest num_beams sequences. Lowerre 1976.
#include "core/generation/beams/search.hpp"
#include "core/generation/strategies.hpp"

namespace kvern {
namespace {

constexpr const OptionDeclaration *kOptions[] = {&option::num_beams, &option::length_penalty,
                                                 &option::early_stopping};

bool applies(const GenerationConfig &config, const GenerationResources &) {
  return config.get(option::num_beams) > 1;
}

int64_t rows_per_prompt(const GenerationConfig &config) { return config.get(option::num_beams); }

void run(GenerationLoop &loop) { run_beam_search(loop, best_candidates); }

}  // namespace

extern constinit const StrategyEntry strategy_beam_search = {
    StrategyOrder::beam_search, kOptions, applies, rows_per_prompt, run, check_beams};

}  // namespace kvern
