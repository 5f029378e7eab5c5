// The sequences of a generation: ids so far, which of them have ended, and why.
#pragma once
#include <kvern/generation.hpp>
#include <vector>

#include "core/generation/stopping.hpp"
#include "core/torch/torch.hpp"

namespace kvern {

class Sequences {
 public:
  Sequences(std::vector<std::vector<int64_t>> ids,
            const GenerationConfig &config);  // rules of the configuration end them

  /// Adds one token to each; sequences that have ended get padding instead. Returns what was added.
  std::vector<int64_t> append(const at::Tensor &next);
  /// Sequence i becomes what sequence index[i] was.
  void reorder(const std::vector<int64_t> &index);
  bool all_ended() const;
  bool ended(int64_t i) const { return ended_[static_cast<size_t>(i)].has_value(); }
  int64_t length() const { return static_cast<int64_t>(ids_.front().size()); }
  const std::vector<std::vector<int64_t>> &ids() const { return ids_; }
  /// int64 [R, L]
  at::Tensor tensor() const;
  /// Moves the sequences into a result, with the reason and the number of tokens of each.
  void finish(GenerationResult &result);

 private:
  std::vector<std::vector<int64_t>> ids_;
  StoppingRules rules_;
  int64_t pad_;
  std::vector<std::optional<FinishReason>> ended_;
  std::vector<int64_t> new_tokens_;
};

}  // namespace kvern
