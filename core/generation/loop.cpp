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

}  // namespace

GenerationLoop::GenerationLoop(const Model &model, Cache &cache, const Prompt &prompt,
                               const GenerationConfig &config, const GenerationEvents &events,
                               int64_t rows_per_prompt)
    : config_(config),
      events_(events),
      prompt_(prompt.input_ids),
      repeat_(repeated(prompt_.size(), rows_per_prompt)),
      padding_(left_padding(prompt)),
      driver_(model, cache,
              {config.get(option::use_cache), config.get(option::prefill_chunk_size), events.on_prefill, {}}),
      sequences_(select(prompt_, repeat_), config),
      processors_(make_processors(config, {sequences_.tensor(), length_limit(config, sequences_.length())})) {
}

at::Tensor GenerationLoop::feed(const TokenRows &rows) {
  return driver_.feed(rows, padding_).logits.squeeze(1);
}

at::Tensor GenerationLoop::prefill() {
  const auto start = Clock::now();
  at::Tensor logits = feed(prompt_);
  result_.timings.prefill_tokens = static_cast<int64_t>(prompt_.size() * prompt_.front().size());
  padding_ = select(padding_, repeat_);
  if (repeat_.size() > prompt_.size()) {
    driver_.reorder(repeat_);
    std::vector<at::Tensor> rows;
    for (const int64_t i : repeat_) rows.push_back(logits.select(0, i));
    logits = at::stack(rows);
  }
  result_.timings.prefill_seconds = seconds_since(start);
  return logits;
}

at::Tensor GenerationLoop::decode() {
  result_.timings.decode_tokens += static_cast<int64_t>(sequences_.ids().size());
  return feed(sequences_.ids());
}

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

void GenerationLoop::reorder(const std::vector<int64_t> &index) {
  driver_.reorder(index);
  sequences_.reorder(index);
  padding_ = select(padding_, index);
}

bool GenerationLoop::should_stop() const {
  if (sequences_.all_ended()) return true;
  const int64_t limit = driver_.limit();
  const int64_t positions = sequences_.length() - *std::min_element(padding_.begin(), padding_.end());
  return (limit >= 0 && positions > limit) || (events_.stop_requested && events_.stop_requested());
}

void GenerationLoop::run(const Sampler &sample) {
  at::Tensor logits = prefill();
  const auto start = Clock::now();
  for (;;) {
    append(sample(process(logits)));
    if (should_stop()) break;
    logits = decode();
  }
  result_.timings.decode_seconds = seconds_since(start);
}

GenerationResult GenerationLoop::finish() {
  sequences_.finish(result_);
  return std::move(result_);
}

}  // namespace kvern
