#include "core/generation/beams/result.hpp"

#include <algorithm>
#include <utility>

namespace kvern {
namespace {

/// The n best; of equal ones the last added.
std::vector<Hypothesis> best(std::vector<Hypothesis> list, int64_t n) {
  std::reverse(list.begin(), list.end());
  std::stable_sort(list.begin(), list.end(), [](const auto &a, const auto &b) { return a.score > b.score; });
  if (static_cast<int64_t>(list.size()) > n) list.resize(static_cast<size_t>(n));
  return list;
}

void pad(std::vector<std::vector<int64_t>> &rows, int64_t with) {
  size_t longest = 0;
  for (const auto &row : rows) longest = std::max(longest, row.size());
  for (auto &row : rows) row.resize(longest, with);
}

}  // namespace

void set_beam_result(GenerationLoop &loop, std::vector<std::vector<Hypothesis>> hypotheses,
                     int64_t prompt_length) {
  GenerationResult &result = loop.result();
  const auto eos = loop.config().get(option::eos_token_id);
  const int64_t n = loop.config().get(option::num_return_sequences);
  for (auto &of_prompt : hypotheses)
    for (Hypothesis &hypothesis : best(std::move(of_prompt), n)) {
      // whichever eos id ended it, the first one is written, as transformers does
      if (hypothesis.ended) hypothesis.ids.push_back(eos.front());
      const auto reason = loop.sequences().end_of(hypothesis.ids);
      result.finish_reason.push_back(hypothesis.ended ? FinishReason::stop
                                                      : reason.value_or(FinishReason::length));
      result.new_tokens.push_back(static_cast<int64_t>(hypothesis.ids.size()) - prompt_length);
      result.sequences_scores.push_back(static_cast<float>(hypothesis.score));
      result.sequences.push_back(std::move(hypothesis.ids));
      result.beam_indices.push_back(std::move(hypothesis.beam_indices));
    }
  pad(result.sequences, loop.sequences().pad());
  for (auto &indices : result.beam_indices) indices.resize(result.sequences.front().size(), -1);
}

}  // namespace kvern
