// The pattern is <\|\d+\.\d+\|>; \d is any decimal digit of Unicode in Python, only ASCII here: models make
// no others.
#include "runtime/tokenizer/whisper.hpp"

#include <algorithm>
#include <optional>

namespace kvern::tokenizer {
namespace {

size_t skip_digits(std::string_view text, size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

// The length of the timestamp with which `text` begins, or 0.
size_t timestamp_length(std::string_view text) {
  if (!text.starts_with("<|")) return 0;
  const size_t point = skip_digits(text, 2);
  if (point == 2 || point >= text.size() || text[point] != '.') return 0;
  const size_t end = skip_digits(text, point + 1);
  return end > point + 1 && text.substr(end).starts_with("|>") ? end + 2 : 0;
}

}  // namespace

std::string without_timestamps(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = timestamp_length(text.substr(at));
    if (length == 0) out += text[at];
    at += std::max<size_t>(length, 1);
  }
  return out;
}

bool is_timestamp(std::string_view token) {
  return !token.empty() && timestamp_length(token) == token.size();
}

std::span<const int64_t> without_prompt(std::span<const int64_t> ids, const Pipeline &pipeline) {
  const auto prompt = pipeline.id_of("<|startofprev|>"), start = pipeline.id_of("<|startoftranscript|>");
  if (ids.empty() || !prompt || ids.front() != *prompt) return ids;
  const auto found = start ? std::find(ids.begin(), ids.end(), *start) : ids.end();
  return ids.subspan(static_cast<size_t>(found - ids.begin()));
}

}  // namespace kvern::tokenizer
