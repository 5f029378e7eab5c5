// What `kvern generate` prints: text or JSON on standard output, figures on standard error.
#pragma once
#include <kvern/generation.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "runtime/run/prefix.hpp"
#include "runtime/run/session.hpp"

namespace kvern::cli {

class Logprobs;

/// A finished generation with what it was made from.
struct GenerationReport {
  const Session &run;
  const std::vector<int64_t> &prompt;
  const GenerationConfig &config;
  const GenerationResult &result;
  const Cache &cache;
  bool interrupted = false;            ///< by a signal: rows that did not end on their own are "interrupted"
  const PrefixUse *prefix = nullptr;   ///< the prompt begins with it; its text is not printed
  const Logprobs *logprobs = nullptr;  ///< nullptr: they are not asked for
};

/// The new ids of row r, padding left out.
std::vector<int64_t> new_ids(const GenerationReport &f, size_t r);

/// Prompt and continuation of every row. `prompt_text`: the prompt as given; nullopt: it was ids, which are decoded.
/// The new ids, separated by commas, where there is no tokenizer.
std::string as_text(const GenerationReport &f, const std::optional<std::string> &prompt_text);

/// output_ids, text (what follows the prompt's), finish_reason (of every sequence, the first one's also at the top), timings, cache bytes; docs/cli.md.
nlohmann::json json_of(const GenerationReport &f);
std::string as_json(const GenerationReport &f);  ///< json_of as text

/// A few lines for people.
std::string statistics(const GenerationReport &f);

/// A line of it: where the prefix came from, and how fast.
std::string prefix_text(const PrefixUse &use);

}  // namespace kvern::cli
