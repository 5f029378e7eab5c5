// Logits processors: what changes scores between the model and the sampler, under the names of transformers. Each is a
// file of processors/ that declares its options and its place in the order.
#pragma once
#include <kvern/generation.hpp>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace kvern {

class LogitsProcessor {
 public:
  virtual ~LogitsProcessor() = default;
  /// ids int64 [R, L], everything so far, padding included; scores float32 [R, V]. Returns new scores.
  virtual at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const = 0;
  /// Row i continues what row index[i] was; rows that are in no index are gone.
  virtual void reorder(const std::vector<int64_t> & /*index*/) {}
  /// The next ids may differ from those before from this length on.
  virtual void truncate(int64_t /*length*/) {}
};

using LogitsProcessors = std::vector<std::unique_ptr<LogitsProcessor>>;

/// The order in which transformers applies them. Those from `temperature` to before `renormalize` are its warpers: they
/// take part only where tokens are sampled.
enum class ProcessorOrder : int {
  guidance = 10,
  sequence_bias = 20,
  diversity = 30,
  encoder_repetition = 40,
  repetition = 50,
  no_repeat_ngram = 60,
  encoder_no_repeat_ngram = 70,
  bad_words = 80,
  min_length = 90,
  min_new_tokens = 100,
  response_format = 105,
  forced_bos = 110,
  forced_eos = 120,
  remove_invalid = 130,
  exponential_decay = 140,
  suppress = 150,
  begin_suppress = 160,
  timestamps = 165,
  temperature = 170,
  top_k = 180,
  top_p = 190,
  min_p = 200,
  typical_p = 210,
  epsilon = 220,
  eta = 230,
  renormalize = 240,
};

/// What processors may know of the generation besides their options.
struct ProcessorContext {
  at::Tensor prompt;               ///< int64 [R, L], padding included, of the rows that processors get
  int64_t length_limit = 0;        ///< at which rows end, prompt included
  int64_t min_tokens_to_keep = 1;  ///< that a warper leaves in each row; more for beams that sample
  /// [R] of each row, the tokens that earlier groups of beams have chosen in this step; nullptr: there are no groups.
  const std::vector<std::vector<int64_t>> *chosen_by_groups = nullptr;
  const Model *model = nullptr;  ///< that generates; nullptr: unknown
  const Cache *cache = nullptr;  ///< of that model
  at::Tensor encoder_ids = {};   ///< int64 [R, S], what a text encoder has read; undefined: there is none
  TokenConstraint *constraint = nullptr;  ///< of response_format; see GenerationResources
  int64_t prompt_length() const { return prompt.size(1); }
  /// What the processors of an encoder's input look at: without an encoder, the prompt.
  const at::Tensor &source() const { return encoder_ids.defined() ? encoder_ids : prompt; }
};

/// What a file of processors/ defines: `extern constinit const ProcessorEntry processor_NAME`.
struct ProcessorEntry {
  ProcessorOrder order;
  std::span<const OptionDeclaration *const> options;
  /// nullptr: the options do not ask for it.
  std::unique_ptr<LogitsProcessor> (*make)(const GenerationConfig &, const ProcessorContext &);
};

/// All of them, in the order of their names.
std::span<const ProcessorEntry *const> processors();

/// Those that the configuration asks for, in the order in which they are applied.
LogitsProcessors make_processors(const GenerationConfig &config, const ProcessorContext &context);

/// `scores` with these ids filtered, or with all others filtered and these at 0. Ids outside the vocabulary: none of
/// without_ids; Error(config) of only_ids.
at::Tensor without_ids(const at::Tensor &scores, const std::vector<int64_t> &ids);
at::Tensor only_ids(const at::Tensor &scores, const std::vector<int64_t> &ids);

/// Those of `ids` that are in a vocabulary of this size.
std::vector<int64_t> ids_within(const std::vector<int64_t> &ids, int64_t vocab_size);

/// What filters set the score of a token to that may not be chosen.
constexpr double kFiltered = -std::numeric_limits<double>::infinity();

}  // namespace kvern
