// The sequences that a beam search returns.
#pragma once
#include <vector>

#include "core/generation/beams/hypotheses.hpp"
#include "core/generation/loop.hpp"

namespace kvern {

/// The num_return_sequences best hypotheses of each prompt, padded to one length, with scores and beam indices.
/// hypotheses: [prompts].
void set_beam_result(GenerationLoop &loop, std::vector<std::vector<Hypothesis>> hypotheses,
                     int64_t prompt_length);

}  // namespace kvern
