#include "core/generation/strategies.hpp"

namespace kvern {

const StrategyEntry &choose_strategy(const GenerationConfig &config, const GenerationResources &resources) {
  const StrategyEntry *chosen = nullptr;
  for (const StrategyEntry *entry : strategies())
    if (entry->applies(config, resources) && (!chosen || entry->order < chosen->order)) chosen = entry;
  if (!chosen) throw Error(ErrorKind::internal, "no decoding strategy for this configuration");
  return *chosen;
}

int64_t cache_rows_per_prompt(const GenerationConfig &config) {
  return choose_strategy(config, {}).rows_per_prompt(config);
}

}  // namespace kvern
