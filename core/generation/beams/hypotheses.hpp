// The best ended sequences of a beam search (BeamHypotheses of transformers).
#pragma once
#include <cstdint>
#include <vector>

namespace kvern {

/// When a search ends that has as many hypotheses as beams: at once; where the best running beam cannot become better at its
/// present length; or where it cannot at any length.
enum class EarlyStopping { always, at_present_length, at_any_length };

struct Hypothesis {
  double score = 0;                   ///< sum of log-probabilities / length^length_penalty
  std::vector<int64_t> ids;           ///< prompt included, the eos id that ended it not
  std::vector<int64_t> beam_indices;  ///< of each new token, the beam that it continued
  bool ended = false;                 ///< by an eos id
};

/// Of one prompt, or of one group of its beams.
class Hypotheses {
 public:
  /// max_new: the largest number of new tokens that a sequence can have.
  Hypotheses(int64_t beams, double length_penalty, EarlyStopping early_stopping, int64_t max_new)
      : beams_(beams), length_penalty_(length_penalty), early_stopping_(early_stopping), max_new_(max_new) {}

  /// Adds a sequence of `new_tokens` (an eos id counts), if it is among the best; its score is computed here.
  void add(Hypothesis hypothesis, double sum, int64_t new_tokens);
  /// Can no running beam enter any more? `best`: the largest sum among candidates with so many new tokens.
  bool is_done(double best, int64_t new_tokens) const;
  const std::vector<Hypothesis> &list() const { return list_; }

 private:
  double score(double sum, int64_t new_tokens) const;

  int64_t beams_;
  double length_penalty_;
  EarlyStopping early_stopping_;
  int64_t max_new_;
  double worst_ = 1e9;
  std::vector<Hypothesis> list_;
};

}  // namespace kvern
