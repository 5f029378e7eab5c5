// Generation: one loop of few verbs over a model and a cache.
#pragma once
#include <cstdint>
#include <functional>
#include <kvern/cache.hpp>
#include <kvern/generation_options.hpp>
#include <kvern/model.hpp>
#include <kvern/token_constraint.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace kvern {

/// Options that are used in more than one place. Processors, stopping rules and strategies declare more
/// (generation_options).
namespace option {
extern const GenerationOption<bool> do_sample;
extern const GenerationOption<double> temperature;                   ///< 0: greedy, do_sample or not
extern const GenerationOption<int64_t> top_k;                        ///< 0: all
extern const GenerationOption<std::optional<double>> penalty_alpha;  ///< of contrastive search
extern const GenerationOption<std::optional<double>> guidance_scale;
extern const GenerationOption<int64_t> num_return_sequences;
extern const GenerationOption<int64_t> num_beams;  ///< 1: no beam search
extern const GenerationOption<std::optional<int64_t>> max_new_tokens;
extern const GenerationOption<int64_t> max_length;  ///< prompt included; counts if max_new_tokens is not set
extern const GenerationOption<std::vector<int64_t>> eos_token_id;  ///< empty: nothing ends a row early
extern const GenerationOption<std::optional<int64_t>>
    pad_token_id;  ///< fills rows that ended; the first eos id if not set
extern const GenerationOption<std::optional<int64_t>> bos_token_id;  ///< begins an empty prompt
/// Begins every prompt of a decoder behind an encoder; bos_token_id where it is not set.
extern const GenerationOption<std::optional<int64_t>> decoder_start_token_id;
extern const GenerationOption<std::optional<int64_t>> forced_bos_token_id;  ///< follows a prompt of one
extern const GenerationOption<bool> return_timestamps;                      ///< of speech models
extern const GenerationOption<std::optional<Option>> response_format;       ///< the texts that may be written
extern const GenerationOption<bool> use_cache;              ///< false: every step feeds everything again
extern const GenerationOption<int64_t> prefill_chunk_size;  ///< 0 = whole prompts
}  // namespace option

/// Whether tokens are drawn: do_sample with a temperature above 0.
bool samples(const GenerationConfig &config);

/// Whether response_format restricts the text: it is set, and not to "text".
bool asks_for_format(const GenerationConfig &config);

/// The length at which rows end: max_new_tokens, else max_length. Throws Error(input) if the prompt is that
/// long already.
int64_t length_limit(const GenerationConfig &config, int64_t prompt_length);

/// What is odd about a configuration, though it can be carried out; one line each.
std::vector<std::string> warnings(const GenerationConfig &config);

/// Rows of equal length; mask 0 marks padding on the left.
struct Prompt {
  std::vector<std::vector<int64_t>> input_ids;       ///< [B][L]
  std::vector<std::vector<int64_t>> attention_mask;  ///< [B][L] of 0 and 1, or empty = all ones
  std::optional<EncoderInput> encoder =
      {};  ///< of models with an encoder; B rows. input_ids are the decoder's
};

/// An eos id or a stop string; or max_new_tokens, max_length, max_time, the model's or the cache's limit.
enum class FinishReason { stop, length };

struct GenerationTimings {
  double prefill_seconds = 0, decode_seconds = 0;
  int64_t prefill_tokens = 0, decode_tokens = 0;  ///< over all rows
};

struct GenerationResult {
  std::vector<std::vector<int64_t>>
      sequences;  ///< [B * num_return_sequences], prompt included, ended rows padded
  std::vector<FinishReason> finish_reason;  ///< per row
  std::vector<int64_t> new_tokens;          ///< per row, eos included, padding not
  std::vector<float>
      sequences_scores;  ///< per row, of beam search: sum of log-probabilities / length^length_penalty
  /// Per row, of beam search: for each new token the beam that it continued, prompt * num_beams + beam; then -1.
  std::vector<std::vector<int64_t>> beam_indices;
  GenerationTimings timings;
  uint64_t seed = 0;  ///< the one used, if sampled
  /// Of assisted decoding and prompt lookup: candidates that were tried, and how many of them were kept.
  int64_t candidate_tokens = 0, accepted_tokens = 0;
};

/// Watches a generation; every function may be empty. Called on the calling thread.
struct GenerationEvents {
  std::function<void(int64_t done, int64_t total)> on_prefill;  ///< prompt tokens fed so far
  /// [rows] one token per row and step; not called by beam search, which knows its tokens at the end.
  std::function<void(const std::vector<int64_t> &next)> on_tokens;
  std::function<void(int64_t step, const at::Tensor &logits)> on_logits;  ///< raw, float32 [rows, V]
  std::function<void(int64_t step, const at::Tensor &scores)> on_scores;  ///< after the processors
  /// True: end now, as if at the length limit. Asked within the passes of prefill too; the tokens of a pass that is
  /// interrupted are not in the cache.
  std::function<bool()> stop_requested;
};

/// Asked when a verb of the cache has found no memory, without effect. True: `cache` is now another one, that holds the same rows
/// (ends[r]: the position behind the last token of row r) or nothing, and the verb is tried again.
using FallBack = std::function<bool(Cache &cache, const std::vector<int64_t> &ends, const CacheError &why)>;

/// What a generation may use besides a model and its cache. All are borrowed.
struct GenerationResources {
  const Model *assistant = nullptr;  ///< a draft model: its tokens are tried, and kept where the model agrees
  Cache *assistant_cache = nullptr;  ///< of the draft model
  std::function<std::string(std::span<const int64_t>)> text =
      {};                                 ///< of ids, special ones too; for stop_strings
  FallBack fall_back = {};                ///< of the model's cache; empty: no memory is an error
  TokenConstraint *constraint = nullptr;  ///< what response_format says, for this vocabulary
};

/// Rows of the cache that each prompt takes: sequences, beams or candidates.
int64_t cache_rows_per_prompt(const GenerationConfig &config);

/// Continues each row of the prompt. The cache may hold tokens already: those positions are not fed again
/// (the caller vouches that they are the prompt's own). Afterwards it holds what it keeps of all tokens but
/// the last. Behind an encoder, rows that do not begin with decoder_start_token_id get it in front. Throws Error(input) if the prompt is empty, does not fit the model or the cache, or has an id
/// outside the vocabulary.
GenerationResult generate(const Model &model, Cache &cache, const Prompt &prompt,
                          const GenerationConfig &config, const GenerationEvents &events = {},
                          const GenerationResources &resources = {});

}  // namespace kvern
