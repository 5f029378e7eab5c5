#include "core/generation/loop.hpp"

#include <algorithm>
#include <chrono>

#include "core/generation/check.hpp"
#include "core/generation/scores.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<int64_t> repeated(size_t rows, int64_t times) {
  std::vector<int64_t> index;
  for (int64_t i = 0; i < static_cast<int64_t>(rows) * times; ++i) index.push_back(i / times);
  return index;
}

template <class T>
std::vector<T> select(const std::vector<T> &from, const std::vector<int64_t> &index) {
  std::vector<T> to;
  for (const int64_t i : index) to.push_back(from[static_cast<size_t>(i)]);
  return to;
}

std::vector<int64_t> all_of(const Sequences &sequences) { return repeated(sequences.ids().size(), 1); }

/// Beams that sample need a token each beside those that end a sequence.
int64_t min_tokens_to_keep(const GenerationConfig &config) {
  if (config.get(option::num_beams) == 1) return 1;
  return std::max<int64_t>(2, 1 + static_cast<int64_t>(config.get(option::eos_token_id).size()));
}

}  // namespace

GenerationLoop::GenerationLoop(const Model &model, Cache &cache, const Prompt &prompt,
                               const GenerationConfig &config, const GenerationEvents &events,
                               const GenerationResources &resources, int64_t sequences_per_prompt,
                               std::optional<Encoded> encoded)
    : config_(config),
      events_(events),
      resources_(resources),
      model_(model),
      cache_(cache),
      prompt_(prompt.input_ids),
      repeat_(repeated(prompt_.size(), sequences_per_prompt)),
      padding_(left_padding(prompt)),
      driver_(model, cache,
              {config.get(option::use_cache), config.get(option::prefill_chunk_size), events.on_prefill,
               std::move(encoded),
               [this] { return !prefilled_ && events_.stop_requested && events_.stop_requested(); },
               resources.fall_back}),
      sequences_(select(prompt_, repeat_), config, resources.text),
      encoder_ids_(prompt.encoder ? prompt.encoder->ids : at::Tensor()),
      processors_(processors_for(all_of(sequences_), nullptr)) {}

LogitsProcessors GenerationLoop::processors_for(const std::vector<int64_t> &rows,
                                                const TokenRows *chosen) const {
  const int64_t limit = length_limit(config_, sequences_.length());
  at::Tensor encoder_ids;
  if (encoder_ids_.defined())
    encoder_ids = encoder_ids_.index_select(0, at::tensor(select(repeat_, rows), at::kLong));
  return make_processors(config_, {sequences_.tensor(rows), limit, min_tokens_to_keep(config_), chosen,
                                   &model_, &cache_, encoder_ids, resources_.constraint});
}

Output GenerationLoop::prefill(Driver::Want want) {
  const auto start = Clock::now();
  Output output = driver_.feed(prompt_, padding_, want);
  prefilled_since(start);
  return output;
}

void GenerationLoop::prefilled_since(Clock::time_point start) {
  result_.timings.prefill_tokens = static_cast<int64_t>(prompt_.size() * prompt_.front().size());
  result_.timings.prefill_seconds = seconds_since(start);
  decode_start_ = Clock::now();
  prefilled_ = true;
}

at::Tensor GenerationLoop::propose(const TokenRows &rows, int64_t n) {
  proposed_ = n;
  if (prefilled_)
    return n > 1 ? driver_.propose(rows, padding_, n).logits : driver_.feed(rows, padding_).logits;
  // the whole prompt in a step of its own, as without candidates: what a cache keeps may depend on it
  const auto start = Clock::now();
  TokenRows prompts;
  for (const auto &row : rows) prompts.emplace_back(row.begin(), row.end() - (n - 1));
  const at::Tensor behind_prompt = driver_.feed(prompts, padding_).logits;
  prefilled_since(start);
  proposed_ = n - 1;
  if (n == 1) return behind_prompt;
  return at::cat({behind_prompt, driver_.propose(rows, padding_, n - 1).logits}, 1);
}

void GenerationLoop::accept(int64_t chosen, int64_t n) {
  if (n > 1) driver_.accept({chosen - (n - proposed_)});
}

at::Tensor GenerationLoop::prefill() {
  const at::Tensor logits = prefill(Driver::Want()).logits.squeeze(1);
  if (repeat_.size() == prompt_.size()) return logits;
  reorder_cache(repeat_);
  return logits.index_select(0, at::tensor(repeat_, at::kLong));
}

Output GenerationLoop::decode(const TokenRows &rows, Driver::Want want) {
  result_.timings.decode_tokens += static_cast<int64_t>(rows.size());
  return driver_.feed(rows, padding_, want);
}

at::Tensor GenerationLoop::decode() { return decode(sequences_.ids(), {}).logits.squeeze(1); }

at::Tensor GenerationLoop::process(const at::Tensor &logits) {
  if (events_.on_logits) events_.on_logits(step_, logits);
  at::Tensor scores = logits;
  if (!processors_.empty()) {
    const auto ids = sequences_.tensor();
    for (const auto &process : processors_) scores = (*process)(ids, scores);
    check_scores(scores, sequences_, config_);
  }
  if (events_.on_scores) events_.on_scores(step_, scores);
  ++step_;
  return scores;
}

void GenerationLoop::append(const at::Tensor &next) {
  const auto added = sequences_.append(next);
  if (events_.on_tokens) events_.on_tokens(added);
}

void GenerationLoop::reorder_cache(const std::vector<int64_t> &index) {
  if (index == repeated(padding_.size(), 1)) return;  // in place
  driver_.reorder(index);
  padding_ = select(padding_, index);
}

bool GenerationLoop::reached_limit(int64_t ahead) const {
  const int64_t limit = driver_.limit();
  const int64_t positions = sequences_.length() + ahead - *std::min_element(padding_.begin(), padding_.end());
  return (limit >= 0 && positions > limit) || (events_.stop_requested && events_.stop_requested());
}

void GenerationLoop::run(const Sampler &sample) {
  at::Tensor logits = prefill();
  for (;;) {
    append(sample(process(logits)));
    if (should_stop()) break;
    logits = decode();
  }
}

GenerationResult GenerationLoop::finish() {
  result_.timings.decode_seconds = seconds_since(decode_start_);
  if (result_.sequences.empty()) sequences_.finish(result_);
  return std::move(result_);
}

}  // namespace kvern
