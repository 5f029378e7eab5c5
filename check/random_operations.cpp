#include "check/random_operations.hpp"

#include <algorithm>
#include <utility>

#include "check/program.hpp"

namespace kvern::conformance {
namespace {

/// Draws the operations of a program: what each does follows from its seed and from what the cache holds.
class Sequence {
 public:
  Sequence(const Subject &subject, TestHost &host, Done &done, Trace *trace)
      : subject_(subject), program_(subject, host, done, trace), full_before_(program_.times("full")) {}

  void run(const Operations &operations) {
    for (const uint64_t seed : operations) {
      engine_.seed(seed);
      program_.seed(seed);
      if (program_.harness().rows.empty()) program_.rows(fresh_rows(draw(1, 3)));
      one_operation();
      program_.check();
    }
    program_.finish();
  }

 private:
  int64_t draw(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(engine_() % static_cast<uint64_t>(most - least + 1));
  }
  /// Allocations that succeed before others fail, or -1.
  int64_t draw_failure(int64_t most) { return draw(0, 1) ? draw(0, most) : -1; }
  const std::vector<Row> &rows() { return program_.harness().rows; }

  void draw_encoder(Row &row) {
    row.encoder = static_cast<uint32_t>(draw(1, 1 << 30));
    row.encoder_len = draw(2, 5);
  }

  std::vector<Row> fresh_rows(int64_t count) {
    std::vector<Row> rows(static_cast<std::size_t>(count));
    for (Row &row : rows) {
      row.pad = draw(0, 2) == 0 ? draw(1, 3) : 0;
      if (program_.has_encoder()) draw_encoder(row);
    }
    return rows;
  }

  void one_operation() {
    if (!program_.started()) return take_step(true);
    const kvern_cache_ops &ops = program_.harness().ops();
    const int64_t what = draw(0, 19);
    if (what <= 8) return take_step(false);
    if (what <= 10 && ops.gather) return gather();
    if (what <= 12 && ops.truncate) return truncate();
    if (what <= 14 && ops.clone) return program_.clone(draw(0, 1) == 1, draw_failure(4));
    if (what <= 16 && ops.append && rows().size() <= 3) return append();
    if (what == 17 && ops.save) return save_and_load();
    if (what == 18 && draw(0, 2) == 0) return reset();
    take_step(false);
  }

  /// New tokens by row; a first step holds at least the padding.
  StepPlan plan_step(bool first) {
    StepPlan plan;
    const int64_t n = draw(0, 2) == 0 ? draw(2, 9) : 1;
    const bool ragged = subject_.ragged && draw(0, 3) == 0;
    for (const Row &row : rows()) {
      const int64_t least = first ? row.pad + 1 + subject_.first_tokens : 0;
      plan.new_tokens.push_back(ragged ? draw(least, n + least)
                                       : n + (first ? 3 + subject_.first_tokens : 0));
    }
    if (*std::max_element(plan.new_tokens.begin(), plan.new_tokens.end()) == 0) plan.new_tokens[0] = 1;
    plan.n_cross = program_.has_encoder() && first ? 5 : 0;
    return plan;
  }

  void choose_end(StepPlan &plan) {
    const int64_t most = *std::max_element(plan.new_tokens.begin(), plan.new_tokens.end());
    const int64_t how = draw(0, 7);
    if (how == 0) plan.keep = 0;
    if (how == 1 && most > 1) plan.keep = draw(1, most - 1);
    if (how == 2)
      plan.abort_at_layer = static_cast<int>(draw(0, static_cast<int64_t>(subject_.layers.size()) - 1));
    if (how == 3 && program_.harness().ops().end_rows && subject_.ragged) {
      for (int64_t count : plan.new_tokens) plan.row_keep.push_back(draw(0, count));
    }
  }

  void take_step(bool first) {
    if (program_.has_encoder() && !first && draw(0, 7) == 0) return replace_encoder();
    StepPlan plan = plan_step(first);
    if (draw(0, 4) == 0) program_.step_without_memory(plan, draw(0, 6), draw(0, 1) == 1);
    if (!first) choose_end(plan);
    program_.step(plan);
    if (program_.harness().rows.empty() || !full()) return;
    if (draw(0, 1)) reset();
  }

  /// Whether the step just taken was refused for want of capacity.
  bool full() {
    const int64_t now = program_.times("full");
    return std::exchange(full_before_, now) != now;
  }

  /// New keys of an encoder in the middle of things, taken back or kept.
  void replace_encoder() {
    StepPlan plan = plan_step(false);
    plan.n_cross = 5;
    std::vector<Row> encoders(rows().size());
    for (Row &row : encoders) draw_encoder(row);
    if (draw(0, 1) == 1) plan.keep = 0;
    program_.replace_encoder(plan, encoders);
  }

  void gather() {
    const auto held = static_cast<int64_t>(rows().size());
    std::vector<int64_t> order(static_cast<std::size_t>(draw(1, 4)));
    for (int64_t &row : order) row = draw(0, held - 1);
    program_.gather(order, draw_failure(4));
  }

  void truncate() {
    const kvern_info info = program_.harness().info();
    if (info.rollback == 0) return;
    const int64_t far = draw(0, 3) == 0 ? 6 + subject_.first_tokens : 6;
    const int64_t most = info.rollback < 0 ? far : std::min(far, info.rollback);
    std::vector<int64_t> row_pos;
    const int64_t back = draw(0, most);
    bool any = false;
    for (const Row &row : rows()) {
      const int64_t by = subject_.ragged && draw(0, 1) ? draw(0, most) : back;
      row_pos.push_back(std::max(std::min<int64_t>(row.next(), 0), row.next() - by));
      any |= row_pos.back() > 0;
    }
    if (any) program_.truncate(row_pos);
  }

  void append() {
    std::vector<Row> rows = fresh_rows(draw(1, 2));
    const int64_t n = draw(4, 10) + (draw(0, 1) ? subject_.first_tokens : 0);
    program_.append(std::move(rows), n, draw_failure(6));
  }

  /// A new cache of one that keeps nothing has no rows before its first step.
  void save_and_load() {
    program_.save_and_load();
    if (subject_.recompute) take_step(false);
  }

  void reset() {
    program_.reset();
    program_.rows(fresh_rows(draw(1, 3)));
  }

  const Subject &subject_;
  Program program_;
  std::mt19937_64 engine_;
  int64_t full_before_;
};

[[noreturn]] void violated_by(const std::string &whose, const Violation &violation) {
  violated(whose + ": " + violation.what(), violation.rule().c_str());
}

}  // namespace

Operations random_sequence(uint64_t seed, int length) {
  std::mt19937_64 engine(seed);
  Operations operations(static_cast<std::size_t>(length));
  for (uint64_t &one : operations) one = engine() >> 32;
  return operations;
}

void run_operations(const Subject &subject, bool moving, const Operations &operations, Done &done,
                    Trace *trace) {
  TestHost host(moving);
  Sequence(subject, host, done, trace).run(operations);
}

void random_operations(const Subject &subject, uint64_t seed, int length, Done &done) {
  try {
    run_operations(subject, subject.moving && seed % 2 == 1, random_sequence(seed, length), done);
  } catch (const Violation &violation) {
    violated_by(subject.name + ", seed " + std::to_string(seed), violation);
  }
}

void random_operations_on_device(const Subject &subject, const Schedule &schedule, int length, Done &done) {
  TestHost host(schedule);
  try {
    Sequence(subject, host, done, nullptr).run(random_sequence(schedule.seed, length));
    host.device()->finish();
    for (const std::string &violation : host.violations()) violated(violation);
  } catch (const Violation &violation) {
    violated_by(subject.name + ", on a device, seed " + std::to_string(schedule.seed) + ", eagerness " +
                    std::to_string(schedule.eagerness),
                violation);
  }
}

}  // namespace kvern::conformance
