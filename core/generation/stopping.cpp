#include "core/generation/stopping.hpp"

#include <algorithm>

namespace kvern {

StoppingRules make_stopping_rules(const GenerationConfig &config, const StoppingContext &context) {
  StoppingRules rules;
  for (const StoppingEntry *entry : stopping_rules())
    if (auto rule = entry->make(config, context)) rules.push_back(std::move(rule));
  std::stable_partition(rules.begin(), rules.end(),
                        [](const auto &rule) { return rule->reason() == FinishReason::stop; });
  return rules;
}

std::optional<FinishReason> finish_reason(const StoppingRules &rules, std::span<const int64_t> ids) {
  for (const auto &rule : rules)
    if (rule->ends(ids)) return rule->reason();
  return {};
}

}  // namespace kvern
