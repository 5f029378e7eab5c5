#include "core/generation/strategies.hpp"

namespace kvern {

const StrategyEntry &choose_strategy(const GenerationConfig &config) {
  const StrategyEntry *chosen = nullptr;
  for (const StrategyEntry *entry : strategies())
    if (entry->applies(config) && (!chosen || entry->order < chosen->order)) chosen = entry;
  if (!chosen) throw Error(ErrorKind::internal, "no decoding strategy for this configuration");
  return *chosen;
}

}  // namespace kvern
