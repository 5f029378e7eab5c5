// What can be known to be wrong with a prompt or a configuration before anything is computed.
#pragma once
#include <kvern/generation.hpp>

namespace kvern {

/// Throws Error(config) for a value out of range, naming the option.
void check_config(const GenerationConfig &config);

/// Throws Error(input) for a prompt that is empty, ragged, wrongly masked, or has ids outside the vocabulary.
void check_prompt(const Prompt &prompt, int64_t vocab_size);

/// Columns of padding on the left of each row.
std::vector<int64_t> left_padding(const Prompt &prompt);

/// The length at which rows end: max_new_tokens, else max_length. Throws Error(input) if the prompt is that
/// long already.
int64_t length_limit(const GenerationConfig &config, int64_t prompt_length);

}  // namespace kvern
