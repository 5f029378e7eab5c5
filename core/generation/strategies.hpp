// Decoding strategies: what makes sequences of scores, under the names of transformers. Each is a file of strategies/ that
// declares its options and works with the verbs of GenerationLoop and its driver.
#pragma once
#include <span>

#include "core/generation/loop.hpp"

namespace kvern {

/// The first in this order that applies is taken: what asks for more comes first.
enum class StrategyOrder : int {
  assisted = 10,
  prompt_lookup = 20,
  contrastive = 30,
  constrained_beam_search = 40,
  group_beam_search = 50,
  beam_sample = 60,
  beam_search = 70,
  sampling = 80,
  greedy = 90,
};

/// What a file of strategies/ defines: `extern constinit const StrategyEntry strategy_NAME`.
struct StrategyEntry {
  StrategyOrder order;
  std::span<const OptionDeclaration *const> options;
  bool (*applies)(const GenerationConfig &, const GenerationResources &);
  /// Rows of the cache that each prompt takes; as many sequences, unless sequences_per_prompt says otherwise.
  int64_t (*rows_per_prompt)(const GenerationConfig &);
  /// From the prompt to the end.
  void (*run)(GenerationLoop &);
  /// Throws Error(config) for options that contradict each other; nullptr: none do.
  void (*check)(const GenerationConfig &) = nullptr;
  int64_t (*sequences_per_prompt)(const GenerationConfig &) = nullptr;
  /// Of strategies that choose one token for each row and step, whatever the other rows are; `seed`: the one that is used. nullptr:
  /// there is more to it.
  Sampler (*sampler)(const GenerationConfig &, uint64_t &seed) = nullptr;
};

/// All of them, in the order of their names.
std::span<const StrategyEntry *const> strategies();

/// The one that the configuration asks for.
const StrategyEntry &choose_strategy(const GenerationConfig &config,
                                     const GenerationResources &resources = {});

}  // namespace kvern
