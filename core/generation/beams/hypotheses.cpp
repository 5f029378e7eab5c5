#include "core/generation/beams/hypotheses.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kvern {
namespace {

bool is_worse(const Hypothesis &a, const Hypothesis &b) { return a.score < b.score; }

}  // namespace

double Hypotheses::score(double sum, int64_t new_tokens) const {
  return sum / std::pow(static_cast<double>(new_tokens), length_penalty_);
}

void Hypotheses::add(Hypothesis hypothesis, double sum, int64_t new_tokens) {
  hypothesis.score = score(sum, new_tokens);
  const bool full = static_cast<int64_t>(list_.size()) >= beams_;
  if (full && !(hypothesis.score > worst_)) return;
  worst_ = std::min(worst_, hypothesis.score);
  list_.push_back(std::move(hypothesis));
  if (!full) return;
  list_.erase(std::min_element(list_.begin(), list_.end(), is_worse));
  worst_ = std::min_element(list_.begin(), list_.end(), is_worse)->score;
}

bool Hypotheses::is_done(double best, int64_t new_tokens) const {
  if (static_cast<int64_t>(list_.size()) < beams_) return false;
  if (early_stopping_ == EarlyStopping::always) return true;
  // Sums are negative: with a penalty above 0 the longest sequence has the best score.
  const bool at_limit = early_stopping_ == EarlyStopping::at_any_length && length_penalty_ > 0;
  return worst_ >= score(best, at_limit ? max_new_ : new_tokens);
}

}  // namespace kvern
