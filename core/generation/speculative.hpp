// Decoding with candidates: tokens that something cheaper than the model proposes are fed in one step, and kept as far as the
// model chooses the same. Leviathan et al. 2023; assisted generation of transformers.
#pragma once
#include <vector>

#include "core/generation/loop.hpp"

namespace kvern {

struct TokenCandidates {
  std::vector<int64_t> ids;
  at::Tensor scores;  ///< float32 [n, V] that they were drawn from; undefined: they were not drawn
};

/// Where candidates come from.
class CandidateSource {
 public:
  virtual ~CandidateSource() = default;
  /// At most `most` tokens that may follow `ids`. Draws take from `generator`; nullptr: nothing is drawn.
  virtual TokenCandidates next(const std::vector<int64_t> &ids, int64_t most,
                               const at::Generator *generator) = 0;
  /// So many of the candidates were right; `ids`: the sequence with what the model chose behind them.
  virtual void update(const std::vector<int64_t> & /*ids*/, int64_t /*candidates*/, int64_t /*matches*/) {}
};

/// From the prompt to the end; one sequence. Gives the tokens of greedy decoding, or draws as transformers does.
void run_speculative(GenerationLoop &loop, CandidateSource &source);

/// Throws Error for several sequences, beams, or options that candidates cannot be used with; `what` asks for them.
void check_speculative(const GenerationConfig &config, const std::string &what);

}  // namespace kvern
