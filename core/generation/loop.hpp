// What decoding strategies share: the sequences, the driver, processors, events and limits of one call of generate.
#pragma once
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
  /// Borrows all of them. rows_per_prompt: sequences that each prompt is continued in.
  GenerationLoop(const Model &model, Cache &cache, const Prompt &prompt, const GenerationConfig &config,
                 const GenerationEvents &events, int64_t rows_per_prompt);

  const GenerationConfig &config() const { return config_; }
  /// Its propose, accept and reorder are for strategies that need more than a token per row and step.
  Driver &driver() { return driver_; }
  Sequences &sequences() { return sequences_; }
  /// [R] leading ids of each sequence that are padding.
  const std::vector<int64_t> &padding() const { return padding_; }

  /// Feeds the prompts, each once, and repeats their rows. Logits of the last token, float32 [R, V].
  at::Tensor prefill();
  /// Feeds what was appended; logits of the last token.
  at::Tensor decode();
  /// Scores after the processors. Throws if a sequence has no token left to choose.
  at::Tensor process(const at::Tensor &logits);
  /// Adds a token to each sequence; int64 [R].
  void append(const at::Tensor &next);
  /// Sequence i continues what sequence index[i] was: driver, sequences and padding.
  void reorder(const std::vector<int64_t> &index);
  /// Have all sequences ended, is a limit reached, or was the generation stopped?
  bool should_stop() const;

  /// From the prompt to the end, one token per sequence and step.
  void run(const Sampler &sample);

  void set_seed(uint64_t seed) { result_.seed = seed; }
  /// The sequences, ended.
  GenerationResult finish();

 private:
  at::Tensor feed(const TokenRows &rows);

  const GenerationConfig &config_;
  const GenerationEvents &events_;
  const TokenRows &prompt_;
  std::vector<int64_t> repeat_;  // [R] the prompt of each sequence
  std::vector<int64_t> padding_;
  Driver driver_;
  Sequences sequences_;
  LogitsProcessors processors_;
  GenerationResult result_;
  int64_t step_ = 0;
};

}  // namespace kvern
