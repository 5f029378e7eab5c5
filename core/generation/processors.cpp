#include "core/generation/processors.hpp"

#include <algorithm>

#include "core/torch/torch.hpp"

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

std::vector<int64_t> ids_within(const std::vector<int64_t> &ids, int64_t vocab_size) {
  std::vector<int64_t> result;
  for (const int64_t id : ids)
    if (id >= 0 && id < vocab_size) result.push_back(id);
  return result;
}

at::Tensor without_ids(const at::Tensor &scores, const std::vector<int64_t> &ids) {
  return scores.index_fill(1, at::tensor(ids_within(ids, scores.size(1)), at::kLong), kFiltered);
}

at::Tensor only_ids(const at::Tensor &scores, const std::vector<int64_t> &ids) {
  for (const int64_t id : ids)
    if (id < 0 || id >= scores.size(1))
      throw Error(ErrorKind::config, "the forced id " + std::to_string(id) +
                                         " is outside the vocabulary: ids go from 0 to " +
                                         std::to_string(scores.size(1) - 1));
  return at::full_like(scores, kFiltered).index_fill(1, at::tensor(ids, at::kLong), 0.0);
}

}  // namespace kvern
