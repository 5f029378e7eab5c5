// The loop: feed, process, choose, append. Greedy and multinomial differ in the choice alone.
#include <algorithm>
#include <chrono>
#include <kvern/generation.hpp>
#include <random>

#include "core/generation/check.hpp"
#include "core/generation/driver.hpp"
#include "core/generation/processors.hpp"
#include "core/generation/rows.hpp"
#include "kernels/elementwise.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<int64_t> repeated(int64_t rows, int64_t times) {
  std::vector<int64_t> index;
  for (int64_t i = 0; i < rows * times; ++i) index.push_back(i / times);
  return index;
}

template <class T>
std::vector<T> select(const std::vector<T> &from, const std::vector<int64_t> &index) {
  std::vector<T> to;
  for (const int64_t i : index) to.push_back(from[static_cast<size_t>(i)]);
  return to;
}

void check_fits(int64_t positions, const Model &model, const Cache &cache) {
  const int64_t of_model = model.info().max_positions, of_cache = cache.info().capacity;
  const std::string start = "the prompt has " + std::to_string(positions) + " tokens, ";
  if (of_model > 0 && positions > of_model)
    throw Error(ErrorKind::input,
                start + "the model takes at most " + std::to_string(of_model) + " positions");
  if (of_cache >= 0 && positions > of_cache)
    throw Error(ErrorKind::input,
                start + "the cache '" + cache.plugin().name + "' holds at most " + std::to_string(of_cache));
}

class Chooser {
 public:
  explicit Chooser(const GenerationConfig &config) : sample_(samples(config)) {
    if (!sample_) return;
    seed_ = config.seed ? *config.seed : std::random_device{}();
    generator_ = at::detail::createCPUGenerator(seed_);
  }
  uint64_t seed() const { return seed_; }

  /// scores [R, V] to one id per row, int64 [R].
  at::Tensor operator()(const at::Tensor &scores) {
    if (sample_) return at::multinomial(scores.softmax(-1), 1, false, generator_).squeeze(1);
    const auto rows = scores.contiguous();
    auto next = at::empty({rows.size(0)}, at::kLong);
    for (int64_t r = 0; r < rows.size(0); ++r)
      next.data_ptr<int64_t>()[r] = kernels::argmax(rows.data_ptr<float>() + r * rows.size(1), rows.size(1));
    return next;
  }

 private:
  bool sample_;
  uint64_t seed_ = 0;
  at::Generator generator_;
};

/// One call of generate, from the prompt to the result.
class Run {
 public:
  Run(const Model &model, Cache &cache, const Prompt &prompt, const GenerationConfig &config,
      const GenerationEvents &events)
      : events_(events),
        copies_(config.get(option::num_return_sequences)),
        prompt_rows_(prompt.input_ids),
        padding_(left_padding(prompt)),
        driver_(model, cache,
                {config.get(option::use_cache), config.get(option::prefill_chunk_size), events.on_prefill, {}}),
        choose_(config),
        rows_(select(prompt.input_ids, repeated(static_cast<int64_t>(prompt.input_ids.size()), copies_)),
              config),
        processors_(make_processors(config, context(config))) {}

  GenerationResult operator()() {
    at::Tensor logits = prefill();
    const auto start = Clock::now();
    for (int64_t step = 0;; ++step) {
      choose(step, logits);
      if (must_end()) break;
      logits = feed(rows_.ids());
      result_.timings.decode_tokens += static_cast<int64_t>(rows_.ids().size());
    }
    result_.timings.decode_seconds = seconds_since(start);
    result_.seed = choose_.seed();
    rows_.finish(result_);
    return std::move(result_);
  }

 private:
  ProcessorContext context(const GenerationConfig &config) const {
    return {rows_.tensor(), length_limit(config, rows_.length())};
  }

  /// The prompt's logits, one row per sequence to be made. The prompt is fed once where the cache can repeat
  /// rows.
  at::Tensor prefill() {
    const auto start = Clock::now();
    const auto index = repeated(static_cast<int64_t>(prompt_rows_.size()), copies_);
    at::Tensor logits = feed(prompt_rows_);
    result_.timings.prefill_tokens = static_cast<int64_t>(prompt_rows_.size() * prompt_rows_.front().size());
    padding_ = select(padding_, index);
    if (copies_ > 1) {
      driver_.reorder(index);
      std::vector<at::Tensor> rows;
      for (const int64_t i : index) rows.push_back(logits.select(0, i));
      logits = at::stack(rows);
    }
    result_.timings.prefill_seconds = seconds_since(start);
    return logits;
  }

  at::Tensor feed(const TokenRows &rows) { return driver_.feed(rows, padding_).logits.squeeze(1); }

  void choose(int64_t step, const at::Tensor &logits) {
    if (events_.on_logits) events_.on_logits(step, logits);
    at::Tensor scores = logits;
    if (!processors_.empty()) {
      const auto ids = rows_.tensor();
      for (const auto &process : processors_) scores = (*process)(ids, scores);
    }
    if (events_.on_scores) events_.on_scores(step, scores);
    const auto added = rows_.append(choose_(scores));
    if (events_.on_tokens) events_.on_tokens(added);
  }

  bool must_end() const {
    if (rows_.all_ended()) return true;
    const int64_t limit = driver_.limit();
    const int64_t positions = rows_.length() - *std::min_element(padding_.begin(), padding_.end());
    return (limit >= 0 && positions > limit) || (events_.stop_requested && events_.stop_requested());
  }

  const GenerationEvents &events_;
  int64_t copies_;
  std::vector<std::vector<int64_t>> prompt_rows_;
  std::vector<int64_t> padding_;
  Driver driver_;
  Chooser choose_;
  Rows rows_;
  LogitsProcessors processors_;
  GenerationResult result_;
};

}  // namespace

GenerationResult generate(const Model &model, Cache &cache, const Prompt &prompt,
                          const GenerationConfig &config, const GenerationEvents &events) {
  c10::InferenceMode no_gradients;
  check_config(config);
  check_prompt(prompt, model.info().vocab_size);
  const auto padding = left_padding(prompt);
  check_fits(static_cast<int64_t>(prompt.input_ids.front().size()) -
                 *std::min_element(padding.begin(), padding.end()),
             model, cache);
  return Run(model, cache, prompt, config, events)();
}

}  // namespace kvern
