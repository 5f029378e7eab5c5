// Rules of the verbs that work on rows.
#include "check/rules.hpp"

namespace kvern::conformance {
namespace {

const StepPlan kOneMore{{1, 1}, StepPlan::kAll, {}, -1, 0, {}};

void gather_needs_no_memory(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 11);
  feed_tokens(harness);
  if (!harness.ops().gather) return;
  for (const std::vector<int64_t> &order : {std::vector<int64_t>{1, 0}, {1, 1}, {0, 1}, {0}}) {
    host.fail_alloc(0, true);
    const kvern_status status = harness.gather(order);
    host.fail_alloc(-1);
    expect(status == KVERN_OK, std::string("gather of no more rows than are held: ") + harness.error.message);
    expect_decodes(harness);
  }
}

/// While another row got many tokens: what it has between its own is no room that it needs.
void a_row_that_waited_goes_on_alone(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 19);
  feed_tokens(harness);
  if (!harness.ops().gather || !subject.ragged) return;
  if (harness.step_or_single({{1, 109}, StepPlan::kAll, {}, -1, 0, {}}) != Outcome::done) return;
  expect(harness.gather({0}) == KVERN_OK, std::string("gather of one row: ") + harness.error.message);
  for (int i = 0; i < 80; ++i)
    if (harness.step({{1}, StepPlan::kAll, {}, -1, 0, {}}) != Outcome::done) return;
  expect_decodes(harness);
}

void gather_leaves_working_rows(const Subject &subject) {
  gather_needs_no_memory(subject);
  a_row_that_waited_goes_on_alone(subject);
}

void gather_refuses_rows_that_are_not_there(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 12);
  feed_tokens(harness);
  if (!harness.ops().gather || subject.recompute) return;
  for (const std::vector<int64_t> &order : {std::vector<int64_t>{0, 2}, {-1, 0}}) {
    expect(harness.ops().gather(harness.cache, order.data(), 2, &harness.error) == KVERN_INVALID_ARGUMENT,
           "gather takes rows that are not there");
  }
  expect_decodes(harness);
}

void gather_that_grows_is_all_or_nothing(const Subject &subject) {
  for (int64_t n = 0; n < 32; ++n) {
    FullHost host;
    CacheHarness harness(subject, host, 13);
    feed_tokens(harness);
    if (!harness.ops().gather) return;
    const int64_t refused = host.refused();
    host.fail_alloc(n, true);
    const kvern_status status = harness.gather({1, 0, 1, 0, 0});
    host.fail_alloc(-1);
    expect(status == KVERN_OK || host.refused() > refused, std::string("gather: ") + harness.error.message);
    expect_decodes(harness);
    if (host.refused() == refused) break;
  }
}

void append_joins_rows(const Subject &subject) {
  if (!subject.ragged) return;
  for (int64_t n = 0; n < 32; ++n) {
    FullHost host;
    CacheHarness harness(subject, host, 14), other(subject, host, 15);
    feed_tokens(harness, 5);
    feed_tokens(other, 8);
    if (!harness.ops().append) return;
    expect(harness.ops().append(harness.cache, harness.cache, &harness.error) != KVERN_OK,
           "a cache is appended to itself");
    const int64_t refused = host.refused();
    host.fail_alloc(n, true);
    const kvern_status status = harness.append(other);
    host.fail_alloc(-1);
    if (status == KVERN_UNSUPPORTED) return;
    expect(status == KVERN_OK || status == KVERN_OUT_OF_MEMORY,
           std::string("append: ") + harness.error.message);
    expect_decodes(harness);
    expect_decodes(other);
    if (host.refused() == refused) break;
  }
}

void truncate_needs_no_memory(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 16);
  feed_tokens(harness, 8);
  if (!harness.ops().truncate || harness.info().rollback == 0) return;
  host.fail_alloc(0, true);
  const int64_t within = harness.info().rollback < 0 ? 3 : std::min<int64_t>(3, harness.info().rollback);
  const int64_t by_row = subject.ragged ? 1 : within;
  const kvern_status status =
      harness.truncate({harness.rows[0].next() - within, harness.rows[1].next() - by_row});
  host.fail_alloc(-1);
  expect(status == KVERN_OK, std::string("truncate within info.rollback: ") + harness.error.message);
  expect_decodes(harness);
  expect(harness.truncate({1000, 1000}) == KVERN_OK, "truncate at a position that is not held yet");
  expect_decodes(harness);
}

void a_clone_is_independent(const Subject &subject) {
  for (int64_t n = 0; n < 32; ++n) {
    FullHost host;
    CacheHarness harness(subject, host, 17);
    feed_tokens(harness);
    if (!harness.ops().clone) return;
    const int64_t bytes = host.live_bytes(), refused = host.refused();
    host.fail_alloc(n);
    const std::unique_ptr<CacheHarness> copy = harness.clone();
    host.fail_alloc(-1);
    if (!copy) expect(host.live_bytes() == bytes, "a clone that failed keeps memory");
    expect_decodes(harness);
    if (copy) {
      expect_decodes(*copy);
      expect_decodes(harness);
      harness.reset();
      expect_decodes(*copy);
    }
    if (host.refused() == refused) break;
  }
}

void reset_forgets_all(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 18);
  feed_tokens(harness);
  harness.reset();
  const kvern_info info = harness.info();
  expect(info.tokens == 0 && info.rows == 0, "after reset the cache holds tokens");
  harness.rows.assign(3, Row{});
  expect(harness.step_or_single({{4, 4, 4}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done ||
             subject.layers[0].kind != KVERN_LAYER_ATTENTION,
         "after reset other rows are refused");
}

}  // namespace

const std::vector<Rule> row_rules{
    {"4.1", "gather of no more rows than are held cannot fail", gather_leaves_working_rows},
    {"4.2", "gather refuses rows that are not there", gather_refuses_rows_that_are_not_there},
    {"4.3", "gather of more rows makes them all or changes nothing", gather_that_grows_is_all_or_nothing},
    {"4.4", "append joins rows, or changes nothing", append_joins_rows},
    {"4.5", "truncate within info.rollback cannot fail", truncate_needs_no_memory},
    {"4.6", "a clone shares nothing that can be seen", a_clone_is_independent},
    {"4.7", "after reset any rows may come", reset_forgets_all},
};

}  // namespace kvern::conformance
