// What can be known to be wrong with a prompt or a configuration before anything is computed.
#pragma once
#include <kvern/generation.hpp>

namespace kvern {

/// Throws for a value out of range, naming the option and where it was read: Error(model) if a model folder has it, else
/// Error(config). Options of sampling are checked where tokens are sampled.
void check_config(const GenerationConfig &config, const GenerationResources &resources);

/// Throws Error(input) for a prompt that is empty, ragged, wrongly masked, or has ids outside the vocabulary.
void check_prompt(const Prompt &prompt, int64_t vocab_size);

/// Throws Error(input) for a prompt of more positions than the model or the cache takes.
void check_fits(int64_t positions, const Model &model, const Cache &cache);

/// Columns of padding on the left of each row.
std::vector<int64_t> left_padding(const Prompt &prompt);

}  // namespace kvern
