// The sequences of a generation: ids so far, which of them have ended, and why.
#pragma once
#include <kvern/generation.hpp>
#include <vector>

#include "core/generation/stopping.hpp"

namespace kvern {

class Sequences {
 public:
  /// Rules of the configuration end them. `text`: see GenerationResources.
  Sequences(std::vector<std::vector<int64_t>> ids, const GenerationConfig &config,
            std::function<std::string(std::span<const int64_t>)> text = {});

  /// Adds one token to each; sequences that have ended get padding instead. Returns what was added.
  std::vector<int64_t> append(const at::Tensor &next);
  /// Adds one token to each, whether or not it has ended (beams, which end by hypotheses).
  void extend(const std::vector<int64_t> &next);
  /// Sequence i becomes what sequence index[i] was.
  void reorder(const std::vector<int64_t> &index);
  bool all_ended() const;
  /// Do the rules end each sequence as it is now?
  bool all_end() const;
  /// Why the rules end these ids; nullopt: they do not.
  std::optional<FinishReason> end_of(const std::vector<int64_t> &ids) const {
    return finish_reason(rules_, ids);
  }
  /// What fills sequences that have ended.
  int64_t pad() const { return pad_; }
  bool ended(int64_t i) const { return ended_[static_cast<size_t>(i)].has_value(); }
  int64_t length() const { return static_cast<int64_t>(ids_.front().size()); }
  const std::vector<std::vector<int64_t>> &ids() const { return ids_; }
  /// int64 [R, L]
  at::Tensor tensor() const;
  /// The same for some of them.
  at::Tensor tensor(const std::vector<int64_t> &rows) const;
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
