#include "tests/conformance/random_operations.hpp"

#include <algorithm>

namespace kvern::conformance {
namespace {

class Sequence {
 public:
  Sequence(const Subject &subject, TestHost &host, uint64_t seed, Done &done)
      : subject_(subject),
        host_(host),
        harness_(std::make_unique<CacheHarness>(subject, host, seed)),
        done_(done) {
    for (const kvern_layer &layer : subject.layers) has_encoder_ |= layer.kind == KVERN_LAYER_CROSS;
    harness_->rows = fresh_rows(harness_->random(1, 3));
  }

  void run(int length) {
    for (int i = 0; i < length; ++i) {
      one_operation();
      if (!harness_->rows.empty() && !harness_->rows[0].tokens.empty()) harness_->check_info();
      for (const std::string &violation : host_.violations()) violated(violation);
    }
    done_["elements"] += harness_->counts.elements;
    done_["attend"] += harness_->counts.attend;
    done_["update"] += harness_->counts.update;
    done_["state"] += harness_->counts.state;
  }

 private:
  bool started() const {
    return std::any_of(harness_->rows.begin(), harness_->rows.end(),
                       [](const Row &row) { return !row.tokens.empty(); });
  }

  std::vector<Row> fresh_rows(int64_t count) {
    std::vector<Row> rows(static_cast<std::size_t>(count));
    for (Row &row : rows) {
      row.pad = harness_->random(0, 2) == 0 ? harness_->random(1, 3) : 0;
      if (!has_encoder_) continue;
      row.encoder = static_cast<uint32_t>(harness_->random(1, 1 << 30));
      row.encoder_len = harness_->random(2, 5);
    }
    return rows;
  }

  void one_operation() {
    if (!started()) return take_step(true);
    const kvern_cache_ops &ops = harness_->ops();
    const int64_t what = harness_->random(0, 19);
    if (what <= 8) return take_step(false);
    if (what <= 10 && ops.gather) return gather();
    if (what <= 12 && ops.truncate) return truncate();
    if (what <= 14 && ops.clone) return clone();
    if (what <= 16 && ops.append && harness_->rows.size() <= 3) return append();
    if (what == 17 && ops.save) return save_and_load();
    if (what == 18 && harness_->random(0, 2) == 0) return reset();
    take_step(false);
  }

  /// New tokens by row; a first step holds at least the padding.
  StepPlan plan_step(bool first) {
    StepPlan plan;
    const int64_t n = harness_->random(0, 2) == 0 ? harness_->random(2, 9) : 1;
    bool ragged = subject_.ragged && harness_->random(0, 3) == 0;
    for (const Row &row : harness_->rows) {
      const int64_t least = first ? row.pad + 1 + subject_.first_tokens : 0;
      plan.new_tokens.push_back(ragged ? harness_->random(least, n + least)
                                       : n + (first ? 3 + subject_.first_tokens : 0));
    }
    if (*std::max_element(plan.new_tokens.begin(), plan.new_tokens.end()) == 0) plan.new_tokens[0] = 1;
    plan.n_cross = has_encoder_ && first ? 5 : 0;
    return plan;
  }

  void choose_end(StepPlan &plan) {
    const int64_t most = *std::max_element(plan.new_tokens.begin(), plan.new_tokens.end());
    const int64_t how = harness_->random(0, 7);
    if (how == 0) plan.keep = 0;
    if (how == 1 && most > 1) plan.keep = harness_->random(1, most - 1);
    if (how == 2)
      plan.abort_at_layer =
          static_cast<int>(harness_->random(0, static_cast<int64_t>(subject_.layers.size()) - 1));
    if (how == 3 && harness_->ops().end_rows && subject_.ragged) {
      for (int64_t count : plan.new_tokens) plan.row_keep.push_back(harness_->random(0, count));
    }
  }

  /// A begin that runs out of memory changes nothing; one that does not is taken back.
  void begin_without_memory(StepPlan plan) {
    host_.fail_alloc(harness_->random(0, 6), harness_->random(0, 1) == 1);
    plan.keep = 0;
    const int64_t bytes = host_.live_bytes(), refused = host_.refused();
    const Outcome outcome = harness_->step(plan);
    host_.fail_alloc(-1);
    if (outcome == Outcome::no_memory) ++done_["begin out of memory"];
    const bool once = host_.refused() == refused + 1;
    if (outcome == Outcome::no_memory && once && host_.live_bytes() > bytes)
      ++done_["kept more memory after a failed begin"];
  }

  void take_step(bool first) {
    if (has_encoder_ && !first && harness_->random(0, 7) == 0) return replace_encoder();
    StepPlan plan = plan_step(first);
    if (harness_->random(0, 4) == 0) begin_without_memory(plan);
    if (!first) choose_end(plan);
    step(plan);
  }

  /// New keys of an encoder in the middle of things, taken back or kept.
  void replace_encoder() {
    StepPlan plan = plan_step(false);
    plan.n_cross = 5;
    const std::vector<Row> before = harness_->rows;
    for (Row &row : harness_->rows) {
      row.encoder = static_cast<uint32_t>(harness_->random(1, 1 << 30));
      row.encoder_len = harness_->random(2, 5);
    }
    const bool back = harness_->random(0, 1) == 1;
    if (back) plan.keep = 0;
    step(plan);
    for (std::size_t i = 0; back && i < before.size(); ++i) {
      harness_->rows[i].encoder = before[i].encoder;
      harness_->rows[i].encoder_len = before[i].encoder_len;
    }
    ++done_[back ? "encoder taken back" : "encoder replaced"];
  }

  void step(StepPlan plan) {
    Outcome outcome = harness_->step_or_single(plan);
    const bool part = !plan.row_keep.empty() || plan.keep > 0;
    if (outcome == Outcome::unsupported && part) {
      ++done_["tentative steps refused"];
      plan.keep = StepPlan::kAll;
      plan.row_keep.clear();
      outcome = harness_->step_or_single(plan);
    }
    if (outcome == Outcome::no_capacity) {
      ++done_["full"];
      if (harness_->random(0, 1)) reset();
      return;
    }
    expect(outcome == Outcome::done, "a step was refused: " + std::string(harness_->error.message));
    ++done_["steps"];
    if (plan.keep == 0) ++done_["aborted"];
    if (plan.keep > 0) ++done_["partial end"];
    if (plan.abort_at_layer >= 0) ++done_["aborted between layers"];
    if (!plan.row_keep.empty()) ++done_["end by row"];
  }

  void gather() {
    const auto held = static_cast<int64_t>(harness_->rows.size());
    std::vector<int64_t> order(static_cast<std::size_t>(harness_->random(1, 4)));
    for (int64_t &row : order) row = harness_->random(0, held - 1);
    const bool tight = harness_->random(0, 1) == 1;
    if (tight) host_.fail_alloc(harness_->random(0, 4), true);
    const kvern_status status = harness_->gather(order);
    host_.fail_alloc(-1);
    if (status == KVERN_OUT_OF_MEMORY && tight && static_cast<int64_t>(order.size()) > held) {
      ++done_["gather out of memory"];
      return;
    }
    expect(status == KVERN_OK, std::string("gather: ") + harness_->error.message);
    ++done_["gather"];
  }

  void truncate() {
    if (harness_->info().rollback == 0) return;
    const kvern_info info = harness_->info();
    const int64_t far = harness_->random(0, 3) == 0 ? 6 + subject_.first_tokens : 6;
    const int64_t most = info.rollback < 0 ? far : std::min(far, info.rollback);
    std::vector<int64_t> row_pos;
    const int64_t back = harness_->random(0, most);
    bool any = false;
    for (const Row &row : harness_->rows) {
      const int64_t by = subject_.ragged && harness_->random(0, 1) ? harness_->random(0, most) : back;
      row_pos.push_back(std::max(std::min<int64_t>(row.next(), 0), row.next() - by));
      any |= row_pos.back() > 0;
    }
    if (!any) return;
    const kvern_status status = harness_->truncate(row_pos);
    expect(status == KVERN_OK, std::string("truncate: ") + harness_->error.message);
    ++done_["truncate"];
  }

  void clone() {
    const bool tight = harness_->random(0, 1) == 1;
    if (tight) host_.fail_alloc(harness_->random(0, 4));
    std::unique_ptr<CacheHarness> other = harness_->clone();
    host_.fail_alloc(-1);
    if (!other) {
      expect(tight, "clone finds no memory where there is some");
      ++done_["clone out of memory"];
      return;
    }
    // the two go on independently; either may live on
    other->step_or_single(
        StepPlan{std::vector<int64_t>(other->rows.size(), 2), StepPlan::kAll, {}, -1, 0, {}});
    harness_->step_or_single(
        StepPlan{std::vector<int64_t>(harness_->rows.size(), 1), StepPlan::kAll, {}, -1, 0, {}});
    if (harness_->random(0, 1)) std::swap(harness_, other);
    done_["elements"] += other->counts.elements;
    ++done_["clone"];
  }

  void append() {
    CacheHarness other(subject_, host_, static_cast<uint64_t>(harness_->random(0, 1 << 30)));
    other.rows = fresh_rows(harness_->random(1, 2));
    const int64_t n = harness_->random(4, 10) + (harness_->random(0, 1) ? subject_.first_tokens : 0);
    if (other.step_or_single(StepPlan{
            std::vector<int64_t>(other.rows.size(), n), StepPlan::kAll, {}, -1, has_encoder_ ? 5 : 0, {}}) !=
        Outcome::done) {
      return;
    }
    const bool tight = harness_->random(0, 1) == 1;
    if (tight) host_.fail_alloc(harness_->random(0, 6), true);
    const kvern_status status = harness_->append(other);
    host_.fail_alloc(-1);
    if (status == KVERN_OUT_OF_MEMORY && tight) {
      ++done_["append out of memory"];
    } else if (status == KVERN_UNSUPPORTED || status == KVERN_OUT_OF_CAPACITY) {
      ++done_["append refused"];
    } else {
      expect(status == KVERN_OK, std::string("append: ") + harness_->error.message);
      ++done_["append"];
    }
  }

  void save_and_load() {
    const std::string bytes = harness_->save();
    auto other =
        std::make_unique<CacheHarness>(subject_, host_, static_cast<uint64_t>(harness_->random(0, 1 << 30)));
    other->rows = harness_->rows;
    std::string message;
    const kvern_status status = other->load(bytes, &message);
    expect(status == KVERN_OK, "load: " + message);
    expect(other->save() == bytes, "a cache that was loaded saves other bytes than it was loaded from");
    std::swap(harness_, other);
    done_["elements"] += other->counts.elements;
    ++done_["save and load"];
  }

  void reset() {
    harness_->reset();
    const kvern_info info = harness_->info();
    expect(info.tokens == 0 && info.rows == 0, "after reset the cache reports tokens");
    harness_->rows = fresh_rows(harness_->random(1, 3));
    ++done_["reset"];
  }

  const Subject &subject_;
  TestHost &host_;
  std::unique_ptr<CacheHarness> harness_;
  Done &done_;
  bool has_encoder_ = false;
};

}  // namespace

namespace {

void run_on(TestHost &host, const Subject &subject, uint64_t seed, int length, Done &done) {
  host.offer(KVERN_ROPE_1, rope_extension());
  host.offer(KVERN_ATTENTION_1, attention_extension());
  host.offer(KVERN_PARALLEL_1, parallel_extension());
  host.offer("kvern.compose/1", compose_extension());
  Sequence(subject, host, seed, done).run(length);
  for (const std::string &violation : host.violations()) violated(violation);
  expect(host.live_buffers() == 0, std::to_string(host.live_buffers()) + " buffers were not released");
}

}  // namespace

void random_operations(const Subject &subject, uint64_t seed, int length, Done &done) {
  TestHost host(subject.moving && seed % 2 == 1);
  try {
    run_on(host, subject, seed, length, done);
  } catch (const Violation &violation) {
    violated(subject.name + ", seed " + std::to_string(seed) + ": " + violation.what());
  }
}

void random_operations_on_device(const Subject &subject, const Schedule &schedule, int length, Done &done) {
  TestHost host(schedule);
  try {
    run_on(host, subject, schedule.seed, length, done);
    host.device()->finish();
    for (const std::string &violation : host.violations()) violated(violation);
  } catch (const Violation &violation) {
    violated(subject.name + ", on a device, seed " + std::to_string(schedule.seed) + ", eagerness " +
             std::to_string(schedule.eagerness) + ": " + violation.what());
  }
}

}  // namespace kvern::conformance
