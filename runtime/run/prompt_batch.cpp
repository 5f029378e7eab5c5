#include "runtime/run/prompt_batch.hpp"

#include <kvern/abi/rope.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "core/generation/check.hpp"
#include "core/generation/scores.hpp"
#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"
#include "runtime/support/processor_time.hpp"

namespace kvern {
namespace {

using Ids = std::vector<int64_t>;

/// Adds wall and processor time to two counters while it lives.
class Stopwatch {
 public:
  Stopwatch(double &wall, double &cpu)
      : wall_(wall), cpu_(cpu), start_(Clock::now()), cpu_start_(processor_seconds()) {}
  ~Stopwatch() {
    wall_ += std::chrono::duration<double>(Clock::now() - start_).count();
    cpu_ += processor_seconds() - cpu_start_;
  }
  Stopwatch(const Stopwatch &) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double &wall_, &cpu_;
  Clock::time_point start_;
  double cpu_start_;
};

bool is_of_job(ErrorKind kind) {
  return kind == ErrorKind::input || kind == ErrorKind::config || kind == ErrorKind::out_of_memory;
}

bool no_memory(const Error &e) { return e.kind() == ErrorKind::out_of_memory; }

/// A text in progress, in the batch or waiting to go on.
struct Row {
  Row(const Model &model, const Cache &cache, const PromptJob &given, size_t number,
      const GenerationResources &resources)
      : job(number), config(given.config), sequences({given.ids}, config, resources.text) {
    sample = choose_strategy(config, resources).sampler(config, seed);
    const auto length = static_cast<int64_t>(given.ids.size());
    limit = length_limit(config, length);
    processors = make_processors(
        config, {sequences.tensor(), limit, 1, nullptr, &model, &cache, {}, resources.constraint});
  }

  const Ids &ids() const { return sequences.ids().front(); }

  /// logits float32 [1, V]
  void choose(const at::Tensor &logits) {
    at::Tensor scores = logits;
    if (!processors.empty()) {
      const auto so_far = sequences.tensor();
      for (const auto &process : processors) scores = (*process)(so_far, scores);
      check_scores(scores, sequences, config);
    }
    sequences.append(sample(scores));
  }

  size_t job;
  const GenerationConfig &config;
  Sequences sequences;
  LogitsProcessors processors;
  Sampler sample;
  uint64_t seed = 0;
  int64_t limit = 0;         ///< length at which it ends
  int64_t bytes = 0;         ///< of memory that its whole text takes
  bool counted = false;      ///< its prompt is in the timings
  int64_t restarted_at = 0;  ///< its length when it last went on from an empty cache
  std::optional<Error> failure;
};

class PromptBatch {
 public:
  PromptBatch(const Model &model, const PromptBatchSetup &setup, const std::vector<PromptJob> &jobs,
              const PromptBatchEvents &events)
      : model_(model),
        setup_(setup),
        jobs_(jobs),
        events_(events),
        main_(setup.pattern->empty_like()),
        base_(setup.pattern->host().memory().live) {}

  PromptBatchReport run() {
    sort_jobs();
    while (!stopped() && (!rows_.empty() || !waiting_.empty())) {
      try {
        admit();
      } catch (const StopRequested &) {
        break;
      }
      if (!rows_.empty()) step();
    }
    leave_all();
    for (; !stopped() && !alone_.empty(); alone_.pop_front()) run_alone(alone_.front());
    return report_;
  }

 private:
  bool stopped() const { return events_.stop_requested && events_.stop_requested(); }

  void done(PromptOutcome outcome) {
    ++done_;
    if (events_.on_done) events_.on_done(std::move(outcome));
  }
  void failed(size_t job, const Error &e) {
    PromptOutcome outcome;
    outcome.job = job;
    outcome.error = e.kind();
    outcome.message = e.what();
    done(std::move(outcome));
  }

  // ---- which job runs how

  void sort_jobs() {
    const std::string why = why_not_batched(model_, *setup_.pattern);
    if (!why.empty() && events_.on_note) events_.on_note(why + ": the prompts run one after another");
    for (size_t j = 0; j < jobs_.size(); ++j) {
      try {
        const PromptJob &job = jobs_[j];
        check_config(job.config, setup_.resources);
        check_prompt({{job.ids}, {}}, model_.info().vocab_size);
        check_fits(static_cast<int64_t>(job.ids.size()), model_, main_);
        const bool joins = why.empty() && choose_strategy(job.config, setup_.resources).sampler != nullptr &&
                           cache_rows_per_prompt(job.config) == 1 && job.config.get(option::use_cache);
        if (!joins)
          alone_.push_back(j);
        else
          waiting_.push_back(std::make_unique<Row>(model_, *setup_.pattern, job, j, setup_.resources));
      } catch (const Error &e) {
        if (!is_of_job(e.kind())) throw;
        failed(j, e);
      }
    }
  }

  Cache beginning() const {
    return setup_.prefix && setup_.prefix->offers("clone") ? setup_.prefix->clone()
                                                           : setup_.pattern->empty_like();
  }

  void run_alone(size_t j) {
    try {
      Cache cache = beginning();
      GenerationResources resources = setup_.resources;
      if (resources.assistant_cache) resources.assistant_cache->reset();
      GenerationEvents watch;
      watch.stop_requested = events_.stop_requested;
      PromptOutcome outcome;
      outcome.job = j;
      outcome.result = generate(model_, cache, {{jobs_[j].ids}, {}}, jobs_[j].config, watch, resources);
      if (stopped()) return;
      const auto &t = outcome.result.timings;
      report_.timings.prefill_seconds += t.prefill_seconds;
      report_.timings.prefill_tokens += t.prefill_tokens;
      report_.timings.decode_seconds += t.decode_seconds;
      report_.timings.decode_tokens += t.decode_tokens;
      done(std::move(outcome));
    } catch (const Error &e) {
      if (!is_of_job(e.kind())) throw;
      failed(j, e);
    }
  }

  // ---- joining

  Driver::Options driver_options(const Row &row) const {
    Driver::Options options;
    options.chunk = row.config.get(option::prefill_chunk_size);
    options.stop_requested = events_.stop_requested;
    return options;
  }

  int64_t live() const { return setup_.pattern->host().memory().live; }

  /// What the whole text will take: the memory that a step of all its tokens reserves, which is then taken back.
  int64_t bytes_of(const Row &row, Cache &cache) const {
    const int64_t held = cache.info().tokens, before = live();
    const int64_t most = position_limit(model_, *setup_.pattern);
    const int64_t length = most >= 0 ? std::min(row.limit, most) : row.limit;
    if (length <= held) return 0;
    kvern_step step{};
    step.struct_size = sizeof step;
    step.rows = 1;
    step.n_new = length - held;
    step.row_pos = &held;
    try {
      cache.begin(step);
    } catch (const CacheError &e) {
      if (e.status() != KVERN_UNSUPPORTED) throw;
      return 0;  // it takes smaller steps only: what it needs is not known before
    }
    const int64_t bytes = live() - before;
    cache.end(0);
    return bytes;
  }

  /// Is there memory beside what the texts that run may still take? Joining may copy the row.
  bool fits(int64_t bytes) const {
    if (rows_.empty() || setup_.memory_budget <= 0) return true;
    int64_t reserved = base_ + bytes * (joining_copies_ ? 2 : 1);
    for (const auto &row : rows_) reserved += row->bytes;
    return reserved <= setup_.memory_budget;
  }

  void admit() {
    if (waits_for_end_ && !rows_.empty()) return;
    waits_for_end_ = false;
    while (!waiting_.empty() && static_cast<int64_t>(rows_.size()) < setup_.max_batch && !stopped()) {
      std::unique_ptr<Row> row = std::move(waiting_.front());
      waiting_.pop_front();
      try {
        if (fits(row->bytes) && join(row)) continue;
      } catch (const Error &e) {
        if (!is_of_job(e.kind())) throw;
        if (!no_memory(e) || rows_.empty()) {
          give_up(std::move(row), e);
          continue;
        }
      }
      waiting_.push_front(std::move(row));  // until another one has left
      return;
    }
  }

  /// A job that fails without any other beside it.
  void give_up(std::unique_ptr<Row> row, const Error &e) {
    if (no_memory(e) && setup_.resources.fall_back)
      alone_.push_back(row->job);
    else
      failed(row->job, e);
  }

  /// Prefills the row on a cache of its own and appends it to the batch, unless it ends with its first token. False: the batch has
  /// no memory for it.
  bool join(std::unique_ptr<Row> &given) {
    Row &row = *given;
    Cache cache = beginning();
    if (row.bytes == 0) row.bytes = bytes_of(row, cache);
    if (!fits(row.bytes)) return false;
    const auto length = static_cast<int64_t>(row.ids().size()), held = cache.info().tokens;
    Stopwatch watch(report_.timings.prefill_seconds, report_.prefill_cpu_seconds);
    Driver driver(model_, cache, driver_options(row));
    row.choose(driver.feed({row.ids()}, {0}).logits.squeeze(1));
    if (!row.counted) report_.timings.prefill_tokens += length - held;
    row.counted = true;
    if (has_ended(row)) {
      end(row);
      return true;
    }
    if (rows_.empty()) {
      driver_.reset();
      main_ = std::move(cache);
      driver_.emplace(model_, main_, driver_options(row));
    } else {
      const int64_t before = live();
      try {
        driver_->append(driver);
      } catch (const CacheError &e) {
        if (!no_memory(e)) throw;
        ++report_.repeated_prefills;
        return false;
      }
      if (!has_joined_) joining_copies_ = live() - before >= row.bytes / 2;
      has_joined_ = true;  // later ones may take memory that rows have left behind
    }
    rows_.push_back(std::move(given));
    report_.most_rows = std::max(report_.most_rows, static_cast<int64_t>(rows_.size()));
    return true;
  }

  // ---- steps

  void step() {
    if (events_.on_step) events_.on_step(done_, static_cast<int64_t>(rows_.size()));
    try {
      Stopwatch watch(report_.timings.decode_seconds, report_.decode_cpu_seconds);
      TokenRows ids;
      for (const auto &row : rows_) ids.push_back(row->ids());
      const at::Tensor logits = driver_->feed(ids, Ids(rows_.size(), 0)).logits;
      for (size_t r = 0; r < rows_.size(); ++r) try_to_choose(*rows_[r], logits[static_cast<int64_t>(r)]);
      report_.timings.decode_tokens += static_cast<int64_t>(rows_.size());
      ++report_.steps;
    } catch (const StopRequested &) {
      return;
    } catch (const Error &e) {
      if (!no_memory(e)) throw;
      drop_last(e);
    }
    leave();
  }

  /// A row that cannot go on leaves with its error; the others do not notice.
  static void try_to_choose(Row &row, const at::Tensor &logits) {
    try {
      row.choose(logits);
    } catch (const Error &e) {
      if (!is_of_job(e.kind())) throw;
      row.failure = e;
    }
  }

  /// The batch has no memory for another step: the row that came last waits, with the tokens that it has.
  void drop_last(const Error &e) {
    std::unique_ptr<Row> last = std::move(rows_.back());
    rows_.pop_back();
    if (rows_.empty()) {
      leave_all();
      // what others have left behind in the cache may be what is missing: once more from an empty one, if that gets anywhere
      const bool gets_on =
          last->sequences.length() > std::exchange(last->restarted_at, last->sequences.length());
      if (!gets_on) return give_up(std::move(last), e);
      ++report_.repeated_prefills;
      return waiting_.push_front(std::move(last));
    }
    ++report_.repeated_prefills;
    waits_for_end_ = true;
    waiting_.push_front(std::move(last));
    Ids index(rows_.size());
    for (size_t r = 0; r < index.size(); ++r) index[r] = static_cast<int64_t>(r);
    driver_->reorder(index);
  }

  bool has_ended(const Row &row) const {
    const int64_t limit = position_limit(model_, *setup_.pattern);
    return row.failure || row.sequences.ended(0) || (limit >= 0 && row.sequences.length() > limit);
  }

  void end(Row &row) {
    if (row.failure) return failed(row.job, *row.failure);
    PromptOutcome outcome;
    outcome.job = row.job;
    outcome.result.seed = row.seed;
    row.sequences.finish(outcome.result);
    done(std::move(outcome));
  }

  /// Rows that have ended leave the cache, and their memory is free.
  void leave() {
    Ids index;
    std::vector<std::unique_ptr<Row>> left;
    for (size_t r = 0; r < rows_.size(); ++r) {
      if (has_ended(*rows_[r])) {
        end(*rows_[r]);
      } else {
        index.push_back(static_cast<int64_t>(r));
        left.push_back(std::move(rows_[r]));
      }
    }
    const bool changed = left.size() != rows_.size();
    rows_ = std::move(left);
    if (!changed) return;
    waits_for_end_ = false;
    rows_.empty() ? leave_all() : driver_->reorder(index);
  }

  void leave_all() {
    rows_.clear();
    driver_.reset();
    main_ = setup_.pattern->empty_like();
  }

  const Model &model_;
  const PromptBatchSetup &setup_;
  const std::vector<PromptJob> &jobs_;
  const PromptBatchEvents &events_;
  Cache main_;  // rows_, in their order
  int64_t base_;
  std::optional<Driver> driver_;  // of main_
  std::vector<std::unique_ptr<Row>> rows_;
  std::deque<std::unique_ptr<Row>> waiting_;
  std::deque<size_t> alone_;
  bool joining_copies_ = true, has_joined_ = false;  // as the first row does that joins
  bool waits_for_end_ = false;                       // a row had to leave for want of memory
  int64_t done_ = 0;
  PromptBatchReport report_;
};

/// The rotation of a row would change with the length of the others.
bool depends_on_length(const kvern_rope_1 &rope, const std::vector<LayerSpec> &layers) {
  kvern_error error{};
  error.struct_size = sizeof error;
  for (size_t l = 0; l < layers.size(); ++l)
    if (layers[l].kind == KVERN_LAYER_ATTENTION &&
        rope.tables(rope.ctx, static_cast<int32_t>(l), nullptr, 0, nullptr, nullptr, nullptr, nullptr,
                    nullptr, &error) == KVERN_UNSUPPORTED)
      return true;
  return false;
}

}  // namespace

std::string why_not_batched(const Model &model, const Cache &cache) {
  const std::string name = cache.plugin().name;
  for (const char *verb : {"append", "gather"})
    if (!cache.offers(verb))
      return "rows cannot join and leave the cache '" + name + "' (no " + verb +
             "; 'paged' and 'batching' are made for it)";
  const kvern_host *host = cache.host().table();
  const auto *rope = static_cast<const kvern_rope_1 *>(host->get_extension(host->ctx, KVERN_ROPE_1));
  if (rope != nullptr && depends_on_length(*rope, model.layers()))
    return "the model's rotation depends on the length of the sequence, which rows of a batch do not share";
  return "";
}

PromptBatchReport run_prompts(const Model &model, const PromptBatchSetup &setup,
                              const std::vector<PromptJob> &jobs, const PromptBatchEvents &events) {
  c10::InferenceMode no_gradients;
  return PromptBatch(model, setup, jobs, events).run();
}

}  // namespace kvern
