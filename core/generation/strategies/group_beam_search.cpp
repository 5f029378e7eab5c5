// Diverse beam search: groups of beams that avoid each other's tokens. Vijayakumar et al. 2016.
#include "core/generation/beams/search.hpp"
#include "core/generation/strategies.hpp"

namespace kvern {
namespace {

constexpr const OptionDeclaration *kOptions[] = {&option::num_beam_groups};

bool applies(const GenerationConfig &config, const GenerationResources &) {
  return config.get(option::num_beams) > 1 && config.get(option::num_beam_groups) > 1;
}

int64_t rows_per_prompt(const GenerationConfig &config) { return config.get(option::num_beams); }

void run(GenerationLoop &loop) { run_beam_search(loop, best_candidates); }

}  // namespace

extern constinit const StrategyEntry strategy_group_beam_search = {
    StrategyOrder::group_beam_search, kOptions, applies, rows_per_prompt, run, check_beams};

}  // namespace kvern
