// What WhisperTokenizer.decode leaves out of a transcript.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/tokenizer/pipeline.hpp"

namespace kvern::tokenizer {

/// The text without <|0.00|> and the like.
std::string without_timestamps(std::string_view text);

/// Whether `token` is a timestamp.
bool is_timestamp(std::string_view token);

/// If `ids` begin with <|startofprev|>: only what follows from <|startoftranscript|> on (nothing if that is
/// absent).
std::span<const int64_t> without_prompt(std::span<const int64_t> ids, const Pipeline &pipeline);

}  // namespace kvern::tokenizer
