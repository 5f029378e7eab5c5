// The prompt of `kvern generate`: a text, a file, standard input, or ids.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/cli/run_options.hpp"
#include "runtime/run/session.hpp"

namespace kvern::cli {

/// --prompt, --prompt-file, --input-ids.
po::options_description prompt_options();

/// What the user gave, read before the model is opened, so that mistakes show at once. Exactly one of the two is set. Beside an
/// encoder's input an empty text stands for none.
struct PromptSource {
  std::optional<std::string> text;
  std::optional<std::vector<int64_t>> ids;
};

/// Throws Error(usage) for two prompts, Error(input) for an unreadable file, ids that are no numbers, or a text that is no
/// UTF-8.
PromptSource read_prompt(const po::variables_map &map);

/// The beginning of a decoder's text behind an encoder: no special tokens.
std::vector<int64_t> decoder_ids(const PromptSource &source, const Session &run);

/// With `prefix`, the ids in front of them, a text gets no special tokens of its own. Throws Error(input) if the model has no
/// tokenizer for a text.
std::vector<int64_t> prompt_ids(const PromptSource &source, const Session &run,
                                const std::vector<int64_t> &prefix = {});

}  // namespace kvern::cli
