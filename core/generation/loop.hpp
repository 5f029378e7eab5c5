// What decoding strategies share: the sequences, the driver, processors, events and limits of one call of generate.
#pragma once
#include <chrono>
#include <functional>
#include <kvern/generation.hpp>

#include "core/generation/driver.hpp"
#include "core/generation/processors.hpp"
#include "core/generation/sequences.hpp"

namespace kvern {

/// Scores float32 [R, V] to one id per row, int64 [R].
using Sampler = std::function<at::Tensor(const at::Tensor &scores)>;

class GenerationLoop {
 public:
  /// Borrows all but `encoded`, the output of the prompts' encoder. sequences_per_prompt: in how many each prompt is continued.
  GenerationLoop(const Model &model, Cache &cache, const Prompt &prompt, const GenerationConfig &config,
                 const GenerationEvents &events, const GenerationResources &resources,
                 int64_t sequences_per_prompt, std::optional<Encoded> encoded = {});

  const GenerationConfig &config() const { return config_; }
  const GenerationEvents &events() const { return events_; }
  const GenerationResources &resources() const { return resources_; }
  /// Its propose, accept and reorder are for strategies that need more than a token per row and step.
  Driver &driver() { return driver_; }
  Sequences &sequences() { return sequences_; }
  /// [R] leading ids of each sequence that are padding.
  const std::vector<int64_t> &padding() const { return padding_; }

  /// Feeds the prompts, each once, and repeats their rows. Logits of the last token, float32 [R, V].
  at::Tensor prefill();
  /// The prompts alone: outputs of their last columns.
  Output prefill(Driver::Want want);
  /// Feeds what was appended; logits of the last token.
  at::Tensor decode();
  /// Feeds what follows in rows of the cache; counted as decoded.
  Output decode(const TokenRows &rows, Driver::Want want);
  /// Feeds `rows`, of which the last n - 1 tokens are candidates; logits of the last n, float32 [1, n, V].
  at::Tensor propose(const TokenRows &rows, int64_t n);
  /// After propose(rows, n): keeps the first `chosen` of the last n tokens, at least one.
  void accept(int64_t chosen, int64_t n);
  bool prefilled() const { return prefilled_; }
  /// Scores after the processors. Throws if a sequence has no token left to choose.
  at::Tensor process(const at::Tensor &logits);
  /// Adds a token to each sequence; int64 [R].
  void append(const at::Tensor &next);
  /// Row i of the cache continues what row index[i] was, with its padding; the sequences are reordered apart.
  void reorder_cache(const std::vector<int64_t> &index);
  /// Is the limit of the model or of the cache reached by `ahead` tokens more, or was the generation stopped?
  bool reached_limit(int64_t ahead = 0) const;
  /// Have all sequences ended, is a limit reached, or was the generation stopped?
  bool should_stop() const { return sequences_.all_ended() || reached_limit(); }
  /// Processors for some of the sequences, as they begin. `chosen`: see ProcessorContext.
  LogitsProcessors processors_for(const std::vector<int64_t> &rows, const TokenRows *chosen) const;

  /// From the prompt to the end, one token per sequence and step.
  void run(const Sampler &sample);

  void set_seed(uint64_t seed) { result_.seed = seed; }
  /// Its sequences are those of sequences(), unless the strategy has set others.
  GenerationResult &result() { return result_; }
  /// The sequences, ended.
  GenerationResult finish();

 private:
  void prefilled_since(std::chrono::steady_clock::time_point start);

  const GenerationConfig &config_;
  const GenerationEvents &events_;
  const GenerationResources &resources_;
  const Model &model_;
  Cache &cache_;
  const TokenRows &prompt_;
  std::vector<int64_t> repeat_;  // [R] the prompt of each sequence
  std::vector<int64_t> padding_;
  Driver driver_;
  Sequences sequences_;
  at::Tensor encoder_ids_;  // int64 [P, S] of the prompts, or undefined
  LogitsProcessors processors_;
  GenerationResult result_;
  int64_t step_ = 0;
  bool prefilled_ = false;
  int64_t proposed_ = 0;  // tokens of the driver's proposal; one less than asked for behind a prompt
  std::chrono::steady_clock::time_point decode_start_;
};

}  // namespace kvern
