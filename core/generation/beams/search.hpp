// Beam search: each prompt is continued in several sequences, of which the likeliest go on. With groups, those of a group
// compete with each other only (diverse beam search: Vijayakumar et al. 2016).
#pragma once
#include <functional>
#include <span>
#include <string>

#include "core/generation/beams/hypotheses.hpp"
#include "core/generation/loop.hpp"

namespace kvern {

namespace option {
extern const GenerationOption<double> length_penalty;
extern const GenerationOption<Option> early_stopping;  ///< true, false or "never"
extern const GenerationOption<int64_t> num_beam_groups;
extern const GenerationOption<double> diversity_penalty;
}  // namespace option

/// n continuations of each of U prompts, the best first.
struct BeamCandidates {
  at::Tensor scores;  ///< float32 [U, n]
  at::Tensor ids;     ///< int64 [U, n]: beam * V + token
};

/// Selects n of the beams * V continuations of each row of `scores`, float32 [U, beams * V]. prompts: [U] which prompt of the
/// batch each row belongs to; the others have ended.
using BeamPicker =
    std::function<BeamCandidates(const at::Tensor &scores, const std::vector<int64_t> &prompts, int64_t n)>;

/// Takes the best ones.
BeamCandidates best_candidates(const at::Tensor &scores, const std::vector<int64_t> &prompts, int64_t n);

/// From the prompt to the end. The loop continues each prompt in num_beams sequences; rows of a group that is done are
/// dropped. Throws Error if no candidate of a prompt has a finite score.
void run_beam_search(GenerationLoop &loop, const BeamPicker &pick);

/// Throws Error(config) for options that contradict each other, as transformers does.
void check_beams(const GenerationConfig &config);

}  // namespace kvern
