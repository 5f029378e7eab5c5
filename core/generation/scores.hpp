// What is left to choose from after the logits processors.
#pragma once
#include <kvern/generation.hpp>

#include "core/generation/sequences.hpp"

namespace kvern {

/// Throws Error(config), or Error(model) where only the model's folder sets options, if a sequence that has not ended has no
/// token to choose: scores float32 [R, V] that are NaN or +infinity, or all -infinity. Names the options that are set.
void check_scores(const at::Tensor &scores, const Sequences &sequences, const GenerationConfig &config);

/// What it throws.
Error no_token_error(const GenerationConfig &config);

}  // namespace kvern
