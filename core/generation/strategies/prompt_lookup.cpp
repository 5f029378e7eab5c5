// Prompt lookup: candidates are what followed the last tokens where they occurred before. Saxena 2023.
#include <algorithm>

#include "core/generation/speculative.hpp"
#include "core/generation/strategies.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<std::optional<int64_t>> kNumTokens{
    {.name = "prompt_lookup_num_tokens",
     .range = {.min = 1},
     .help = "try so many tokens at once that followed the last ones where they occurred before",
     .source = "prompt lookup decoding: Saxena 2023"}};

constexpr GenerationOption<std::optional<int64_t>> kNgramSize{
    {.name = "max_matching_ngram_size",
     .range = {.min = 1},
     .help = "how many last tokens prompt_lookup_num_tokens looks for; 2 where it is not set",
     .source = "transformers"}};

class PromptLookup : public CandidateSource {
 public:
  explicit PromptLookup(const GenerationConfig &config)
      : num_tokens_(*config.get(kNumTokens)),
        ngram_size_(config.get(kNgramSize).value_or(2)),
        eos_(config.get(option::eos_token_id)) {}

  TokenCandidates next(const std::vector<int64_t> &ids, int64_t most, const at::Generator *) override {
    const auto length = static_cast<int64_t>(ids.size());
    for (int64_t n = std::min(ngram_size_, length - 1); n > 0; --n) {
      const auto match = std::search(ids.begin(), ids.end() - 1, ids.end() - n, ids.end());
      if (match == ids.end() - 1) continue;
      const auto begin = match + n, end = begin + std::min({num_tokens_, most, ids.end() - begin});
      return {{begin, std::find_first_of(begin, end, eos_.begin(), eos_.end())}, {}};
    }
    return {};
  }

 private:
  int64_t num_tokens_, ngram_size_;
  std::vector<int64_t> eos_;
};

constexpr const OptionDeclaration *kOptions[] = {&kNumTokens, &kNgramSize};

bool applies(const GenerationConfig &config, const GenerationResources &) {
  return config.get(kNumTokens).has_value();
}

int64_t rows_per_prompt(const GenerationConfig &) { return 1; }

void check(const GenerationConfig &config) { check_speculative(config, "prompt_lookup_num_tokens"); }

void run(GenerationLoop &loop) {
  PromptLookup source(loop.config());
  run_speculative(loop, source);
}

}  // namespace

extern constinit const StrategyEntry strategy_prompt_lookup = {
    StrategyOrder::prompt_lookup, kOptions, applies, rows_per_prompt, run, check};

}  // namespace kvern
