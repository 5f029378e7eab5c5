#include "core/generation/processors.hpp"

#include <algorithm>

namespace kvern {
namespace {

bool is_warper(const ProcessorEntry &entry) {
  return entry.order >= ProcessorOrder::temperature && entry.order < ProcessorOrder::renormalize;
}

}  // namespace

LogitsProcessors make_processors(const GenerationConfig &config, const ProcessorContext &context) {
  const auto all = processors();
  std::vector<const ProcessorEntry *> entries(all.begin(), all.end());
  std::stable_sort(entries.begin(), entries.end(), [](auto *a, auto *b) { return a->order < b->order; });
  const bool sampled = samples(config);
  LogitsProcessors list;
  for (const ProcessorEntry *entry : entries) {
    if (is_warper(*entry) && !sampled) continue;
    if (auto processor = entry->make(config, context)) list.push_back(std::move(processor));
  }
  return list;
}

}  // namespace kvern
