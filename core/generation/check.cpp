#include "core/generation/check.hpp"

#include <algorithm>
#include <sstream>

namespace kvern {
namespace {

template <class T>
void require(bool good, const char *option, T value, const char *right) {
  if (good) return;
  std::ostringstream text;
  text << option << " = " << value << ": it must be " << right;
  throw Error(ErrorKind::config, text.str());
}

std::string row_name(size_t r, size_t rows) {
  return rows == 1 ? "the prompt" : "row " + std::to_string(r) + " of the prompt";
}

void check_mask(const std::vector<int64_t> &mask, size_t length, const std::string &name) {
  if (mask.size() != length)
    throw Error(ErrorKind::input, name + " has " + std::to_string(length) + " ids but an attention mask of " +
                                      std::to_string(mask.size()));
  const bool good = std::all_of(mask.begin(), mask.end(), [](int64_t m) { return m == 0 || m == 1; });
  if (!good || !std::is_sorted(mask.begin(), mask.end()))
    throw Error(ErrorKind::input,
                "the attention mask of " + name + " must be zeros, then ones: padding goes on the left");
  if (mask.back() == 0) throw Error(ErrorKind::input, name + " is nothing but padding");
}

}  // namespace

void check_config(const GenerationConfig &c) {
  require(c.temperature > 0, "temperature", c.temperature,
          "greater than 0 (for no randomness set do_sample = false)");
  require(c.top_k >= 0, "top_k", c.top_k, "0 (off) or more");
  require(c.top_p > 0 && c.top_p <= 1, "top_p", c.top_p, "greater than 0 and at most 1");
  if (c.min_p) require(*c.min_p >= 0 && *c.min_p <= 1, "min_p", *c.min_p, "from 0 to 1");
  require(c.repetition_penalty > 0, "repetition_penalty", c.repetition_penalty, "greater than 0 (1 = off)");
  require(c.num_return_sequences >= 1, "num_return_sequences", c.num_return_sequences, "at least 1");
  require(c.num_return_sequences == 1 || c.do_sample, "num_return_sequences", c.num_return_sequences,
          "1 unless do_sample = true: greedy rows would all be the same");
  if (c.max_new_tokens) require(*c.max_new_tokens >= 1, "max_new_tokens", *c.max_new_tokens, "at least 1");
  require(c.max_length >= 1, "max_length", c.max_length, "at least 1");
  require(c.prefill_chunk_size >= 0, "prefill_chunk_size", c.prefill_chunk_size, "0 (whole) or more");
}

void check_prompt(const Prompt &prompt, int64_t vocab_size) {
  const auto &rows = prompt.input_ids;
  if (rows.empty() || rows.front().empty())
    throw Error(ErrorKind::input, "the prompt is empty: at least one token is needed");
  if (!prompt.attention_mask.empty() && prompt.attention_mask.size() != rows.size())
    throw Error(ErrorKind::input, "there are " + std::to_string(rows.size()) + " prompts but " +
                                      std::to_string(prompt.attention_mask.size()) + " attention masks");
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto name = row_name(r, rows.size());
    if (rows[r].size() != rows.front().size())
      throw Error(ErrorKind::input, name + " has " + std::to_string(rows[r].size()) + " ids, row 0 has " +
                                        std::to_string(rows.front().size()) +
                                        ": pad shorter rows on the left");
    for (size_t i = 0; i < rows[r].size(); ++i)
      if (rows[r][i] < 0 || rows[r][i] >= vocab_size)
        throw Error(ErrorKind::input,
                    "id " + std::to_string(rows[r][i]) + " at position " + std::to_string(i) + " of " + name +
                        " is outside the vocabulary: ids go from 0 to " + std::to_string(vocab_size - 1));
    if (!prompt.attention_mask.empty()) check_mask(prompt.attention_mask[r], rows[r].size(), name);
  }
}

std::vector<int64_t> left_padding(const Prompt &prompt) {
  std::vector<int64_t> padding(prompt.input_ids.size(), 0);
  for (size_t r = 0; r < prompt.attention_mask.size(); ++r)
    padding[r] = std::count(prompt.attention_mask[r].begin(), prompt.attention_mask[r].end(), 0);
  return padding;
}

int64_t length_limit(const GenerationConfig &config, int64_t prompt_length) {
  if (config.max_new_tokens) return prompt_length + *config.max_new_tokens;
  if (prompt_length >= config.max_length)
    throw Error(ErrorKind::input, "the prompt has " + std::to_string(prompt_length) +
                                      " tokens and max_length is " + std::to_string(config.max_length) +
                                      ": nothing is left to generate; set max_new_tokens");
  return config.max_length;
}

}  // namespace kvern
