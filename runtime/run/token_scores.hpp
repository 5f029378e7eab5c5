// How well logits predict a text, and how far they are from another cache's logits, token by token. The statistics over
// tokens are in score_summary.hpp.
#pragma once
#include <cstdint>
#include <kvern/model.hpp>
#include <string>
#include <vector>

namespace kvern {

/// One entry per scored token, in the order in which they were added.
struct TokenScores {
  std::vector<double> loss;        ///< -log p(the token that follows), in nats
  std::vector<double> kl;          ///< KL(reference || this), in nats
  std::vector<double> same;        ///< 1 where the argmax is the reference's, else 0
  std::vector<double> difference;  ///< the largest of the logits' differences from the reference's
};

/// Distributions over the vocabulary at n places: what another cache's are compared with.
class Distributions {
 public:
  /// logits: float32 [n, V], made with the cache of that name. Throws Error(plugin) if one is not a finite number.
  Distributions(const at::Tensor &logits, const std::string &cache);

  /// Adds n tokens' scores. targets: int64 [n]; reference: of the same n places.
  void score(const at::Tensor &targets, const Distributions &reference, TokenScores &to) const;

 private:
  at::Tensor logits_, log_p_, argmax_;  // float32 and float64 [n, V], int64 [n]
};

}  // namespace kvern
