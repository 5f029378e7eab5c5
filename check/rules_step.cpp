// Rules of one step: begin reserves or changes nothing, end keeps the given number of tokens.
#include <algorithm>

#include "check/rules.hpp"

namespace kvern::conformance {
namespace {

const StepPlan kOneMore{{1, 1}, StepPlan::kAll, {}, -1, 0, {}};

/// One begin of which the n-th allocation fails; false if there was no n-th. grow: the cache holds tokens already and the
/// step is a large one; else it is the first.
bool begin_fails_at(const Subject &subject, int64_t n, bool for_ever, bool grow) {
  FullHost host;
  CacheHarness harness(subject, host, 3);
  harness.rows.assign(2, Row{});
  if (grow) feed_tokens(harness);
  const kvern_info before = harness.info();
  const int64_t count = grow ? (before.max_new < 0 ? 200 : before.max_new) : 6;
  const int64_t bytes = host.live_bytes(), refused = host.refused();
  host.fail_alloc(n, for_ever);
  const Outcome outcome = harness.step({{count, count}, 0, {}, 0, 0, {}});
  host.fail_alloc(-1);
  if (host.refused() == refused) return false;
  const kvern_info after = harness.info();
  expect(before.tokens == after.tokens && before.rows == after.rows,
         "a begin that failed changed what is held");
  if (outcome == Outcome::no_memory) {
    expect(for_ever || subject.composite || host.live_bytes() <= bytes,
           "a begin that failed keeps more memory than before");
    expect(harness.error.message[0] != '\0', "begin fails with an empty message");
  }
  if (grow) {
    expect_decodes(harness);
  } else {
    feed_tokens(harness);
  }
  return true;
}

void begin_is_all_or_nothing(const Subject &subject) {
  for (const bool grow : {false, true}) {
    for (const bool for_ever : {false, true}) {
      for (int64_t n = 0; begin_fails_at(subject, n, for_ever, grow); ++n) {
        expect(n < 10000, "begin allocates without end");
      }
    }
  }
}

/// The n-th allocation fails only outside begin: there is none.
void nothing_is_allocated_after_begin(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 4);
  feed_tokens(harness);
  for (int i = 0; i < 3; ++i) {
    const std::vector<int64_t> pos{harness.rows[0].next(), harness.rows[1].next()};
    kvern_step step{};
    step.struct_size = sizeof step;
    step.rows = 2;
    step.row_pos = pos.data();
    expect(harness.ops().begin(harness.cache, &step, &harness.error) == KVERN_OK,
           "begin of a step that only reads");
    const int64_t allocations = host.allocations();
    for (int layer = 0; layer < static_cast<int>(subject.layers.size()); ++layer) {
      if (subject.layers[layer].kind != KVERN_LAYER_ATTENTION) continue;
      host.enter(layer);
      DLTensor k, v;
      expect(harness.ops().update(harness.cache, layer, nullptr, nullptr, &k, &v, &harness.error) == KVERN_OK,
             std::string("update that only reads: ") + harness.error.message);
    }
    expect(harness.ops().end(harness.cache, 0, &harness.error) == KVERN_OK, "end(0)");
    expect(host.allocations() == allocations, "memory is asked for after begin");
    expect_decodes(harness);
  }
}

void rows_continue_where_they_ended(const Subject &subject) {
  if (subject.recompute) return;
  FullHost host;
  CacheHarness harness(subject, host, 5);
  feed_tokens(harness);
  const int64_t wrong[2] = {harness.rows[0].next() + 1, harness.rows[1].next()},
                right[3] = {harness.rows[0].next(), harness.rows[1].next(), 0};
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = 2;
  step.n_new = 1;
  step.row_pos = wrong;
  expect(harness.ops().begin(harness.cache, &step, &harness.error) == KVERN_INVALID_ARGUMENT,
         "a row may not skip a position");
  step.row_pos = right;
  step.rows = 3;
  expect(harness.ops().begin(harness.cache, &step, &harness.error) == KVERN_INVALID_ARGUMENT,
         "rows may not change in begin");
  expect_decodes(harness);
}

void unknown_flags_are_refused(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 6);
  feed_tokens(harness);
  const int64_t pos[2] = {harness.rows[0].next(), harness.rows[1].next()};
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = 2;
  step.n_new = 1;
  step.row_pos = pos;
  step.flags = 1u << 30;
  expect(harness.ops().begin(harness.cache, &step, &harness.error) == KVERN_UNSUPPORTED,
         "an unknown flag is accepted");
  expect_decodes(harness);
}

void end_zero_restores(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 7);
  feed_tokens(harness);
  for (int layer = 0; layer < static_cast<int>(subject.layers.size()); ++layer) {
    const kvern_info before = harness.info();
    const Outcome outcome = harness.step({{7, 7}, StepPlan::kAll, {}, layer, 0, {}});
    expect(outcome == Outcome::done || outcome == Outcome::smaller_steps,
           std::string("a step that is given up: ") + harness.error.message);
    const kvern_info after = harness.info();
    expect(before.tokens == after.tokens && before.rows == after.rows,
           "end(0) does not restore what begin found");
    expect_decodes(harness);
  }
}

void a_part_is_kept_of_tentative_steps(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 8);
  feed_tokens(harness);
  for (int64_t keep = 0; keep <= 4; ++keep) {
    const Outcome outcome = harness.step({{4, 4}, keep, {}, -1, 0, {}});
    if (outcome == Outcome::unsupported || outcome == Outcome::smaller_steps) return;
    expect(outcome == Outcome::done, std::string("a tentative step: ") + harness.error.message);
    expect_decodes(harness);
    if (!harness.ops().end_rows || !subject.ragged) continue;
    const Outcome by_row = harness.step({{4, 4}, StepPlan::kAll, {keep, 4 - keep}, -1, 0, {}});
    if (by_row == Outcome::smaller_steps) return;
    expect(by_row == Outcome::done, std::string("end by row: ") + harness.error.message);
    expect_decodes(harness);
  }
}

void the_rest_of_a_failed_step_is_refused(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 9);
  feed_tokens(harness);
  if (subject.layers[0].kind != KVERN_LAYER_ATTENTION || subject.recompute) return;
  const int64_t pos[2] = {harness.rows[0].next(), harness.rows[1].next()};
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = 2;
  step.n_new = 1;
  step.row_pos = pos;
  expect(harness.ops().begin(harness.cache, &step, &harness.error) == KVERN_OK,
         std::string("begin: ") + harness.error.message);
  float numbers[4] = {};
  int64_t shape[4] = {1, 1, 1, 1};
  const DLTensor wrong{numbers, {kDLCPU, 0}, 4, subject.type, shape, nullptr, 0};
  host.enter(0);
  expect(harness.ops().update(harness.cache, 0, &wrong, &wrong, nullptr, nullptr, &harness.error) ==
             KVERN_INVALID_ARGUMENT,
         "keys of another shape are accepted");
  expect(harness.error.message[0] != '\0', "update fails with an empty message");
  kvern_view view{};
  view.struct_size = sizeof view;
  expect(harness.ops().view(harness.cache, 0, &view, &harness.error) != KVERN_OK,
         "after a failed update the step goes on");
  expect(harness.ops().end(harness.cache, 1, &harness.error) != KVERN_OK,
         "after a failed update tokens are kept");
  expect(harness.ops().end(harness.cache, 0, &harness.error) == KVERN_OK,
         "after a failed update end(0) is refused");
  host.enter(-2);
  expect_decodes(harness);
}

void capacity_is_checked_in_begin(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 10);
  feed_tokens(harness);
  const kvern_info info = harness.info();
  if (info.capacity < 0 || info.max_new < 0) return;
  expect(harness.step({{info.max_new + 1, info.max_new + 1}, StepPlan::kAll, {}, -1, 0, {}}) ==
             Outcome::no_capacity,
         "more than max_new is accepted");
  const std::string message = harness.error.message;
  expect(message.find(std::to_string(info.capacity)) != std::string::npos,
         "the message does not name the capacity: " + message);
  if (info.max_new > 0) {
    expect(harness.step({{info.max_new, info.max_new}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done,
           "max_new new tokens are refused");
  }
  expect(harness.step(kOneMore) == Outcome::no_capacity, "a full cache takes one more");
  harness.reset();
  feed_tokens(harness);
}

}  // namespace

const std::vector<Rule> step_rules{
    {"2.3", "after a failed call of a step only end(0) is accepted, and restores",
     the_rest_of_a_failed_step_is_refused},
    {"3.1", "begin makes room for all layers or changes nothing, whichever allocation fails",
     begin_is_all_or_nothing},
    {"3.2", "memory is asked for in begin, not later in the step", nothing_is_allocated_after_begin},
    {"3.3", "rows continue where they ended", rows_continue_where_they_ended},
    {"3.4", "a flag that is not known is refused", unknown_flags_are_refused},
    {"3.5", "end(0) restores what begin found, whatever happened between", end_zero_restores},
    {"3.6", "a tentative step keeps the accepted part", a_part_is_kept_of_tentative_steps},
    {"3.7", "capacity is reported, and exceeding it fails in begin", capacity_is_checked_in_begin},
};

}  // namespace kvern::conformance
