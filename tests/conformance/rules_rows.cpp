// Rules of the verbs that work on rows.
#include "tests/conformance/rules.hpp"

namespace kvern::conformance {
namespace {

const StepPlan kOneMore{{1, 1}, StepPlan::kAll, {}, -1, 0, {}};

void go_on(Rig &rig) {
  const StepPlan plan{std::vector<int64_t>(rig.rows.size(), 1), StepPlan::kAll, {}, -1, 0, {}};
  expect(rig.step_or_single(plan) == Outcome::done,
         std::string("the cache cannot go on: ") + rig.error.message);
}

void gather_needs_no_memory(const Subject &subject) {
  FullHost host;
  Rig rig(subject, host, 11);
  talk(rig);
  if (!rig.ops().gather) return;
  for (const std::vector<int64_t> &order : {std::vector<int64_t>{1, 0}, {1, 1}, {0, 1}, {0}}) {
    host.fail_alloc(0, true);
    const kvern_status status = rig.gather(order);
    host.fail_alloc(-1);
    expect(status == KVERN_OK, std::string("gather of no more rows than are held: ") + rig.error.message);
    go_on(rig);
  }
}

void gather_refuses_rows_that_are_not_there(const Subject &subject) {
  FullHost host;
  Rig rig(subject, host, 12);
  talk(rig);
  if (!rig.ops().gather || subject.recompute) return;
  for (const std::vector<int64_t> &order : {std::vector<int64_t>{0, 2}, {-1, 0}}) {
    expect(rig.ops().gather(rig.cache, order.data(), 2, &rig.error) == KVERN_INVALID_ARGUMENT,
           "gather takes rows that are not there");
  }
  go_on(rig);
}

void gather_that_grows_is_all_or_nothing(const Subject &subject) {
  for (int64_t n = 0; n < 32; ++n) {
    FullHost host;
    Rig rig(subject, host, 13);
    talk(rig);
    if (!rig.ops().gather) return;
    const int64_t refused = host.refused();
    host.fail_alloc(n, true);
    const kvern_status status = rig.gather({1, 0, 1, 0, 0});
    host.fail_alloc(-1);
    expect(status == KVERN_OK || host.refused() > refused, std::string("gather: ") + rig.error.message);
    go_on(rig);
    if (host.refused() == refused) break;
  }
}

void append_joins_rows(const Subject &subject) {
  if (!subject.ragged) return;
  for (int64_t n = 0; n < 32; ++n) {
    FullHost host;
    Rig rig(subject, host, 14), other(subject, host, 15);
    talk(rig, 5);
    talk(other, 8);
    if (!rig.ops().append) return;
    expect(rig.ops().append(rig.cache, rig.cache, &rig.error) != KVERN_OK, "a cache is appended to itself");
    const int64_t refused = host.refused();
    host.fail_alloc(n, true);
    const kvern_status status = rig.append(other);
    host.fail_alloc(-1);
    if (status == KVERN_UNSUPPORTED) return;
    expect(status == KVERN_OK || status == KVERN_OUT_OF_MEMORY, std::string("append: ") + rig.error.message);
    go_on(rig);
    go_on(other);
    if (host.refused() == refused) break;
  }
}

void truncate_needs_no_memory(const Subject &subject) {
  FullHost host;
  Rig rig(subject, host, 16);
  talk(rig, 8);
  if (!rig.ops().truncate || rig.info().rollback == 0) return;
  host.fail_alloc(0, true);
  const int64_t within = rig.info().rollback < 0 ? 3 : std::min<int64_t>(3, rig.info().rollback);
  const int64_t by_row = subject.ragged ? 1 : within;
  const kvern_status status = rig.truncate({rig.rows[0].next() - within, rig.rows[1].next() - by_row});
  host.fail_alloc(-1);
  expect(status == KVERN_OK, std::string("truncate within info.rollback: ") + rig.error.message);
  go_on(rig);
  expect(rig.truncate({1000, 1000}) == KVERN_OK, "truncate at a position that is not held yet");
  go_on(rig);
}

void a_clone_is_independent(const Subject &subject) {
  for (int64_t n = 0; n < 32; ++n) {
    FullHost host;
    Rig rig(subject, host, 17);
    talk(rig);
    if (!rig.ops().clone) return;
    const int64_t bytes = host.live_bytes(), refused = host.refused();
    host.fail_alloc(n);
    const std::unique_ptr<Rig> copy = rig.clone();
    host.fail_alloc(-1);
    if (!copy) expect(host.live_bytes() == bytes, "a clone that failed keeps memory");
    go_on(rig);
    if (copy) {
      go_on(*copy);
      go_on(rig);
      rig.reset();
      go_on(*copy);
    }
    if (host.refused() == refused) break;
  }
}

void reset_forgets_all(const Subject &subject) {
  FullHost host;
  Rig rig(subject, host, 18);
  talk(rig);
  rig.reset();
  const kvern_info info = rig.info();
  expect(info.tokens == 0 && info.rows == 0, "after reset the cache holds tokens");
  rig.rows.assign(3, Row{});
  expect(rig.step_or_single({{4, 4, 4}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done ||
             subject.layers[0].kind != KVERN_LAYER_ATTENTION,
         "after reset other rows are refused");
}

}  // namespace

const std::vector<Rule> row_rules{
    {"4.1", "gather of no more rows than are held cannot fail", gather_needs_no_memory},
    {"4.2", "gather refuses rows that are not there", gather_refuses_rows_that_are_not_there},
    {"4.3", "gather of more rows makes them all or changes nothing", gather_that_grows_is_all_or_nothing},
    {"4.4", "append joins rows, or changes nothing", append_joins_rows},
    {"4.5", "truncate within info.rollback cannot fail", truncate_needs_no_memory},
    {"4.6", "a clone shares nothing that can be seen", a_clone_is_independent},
    {"4.7", "after reset any rows may come", reset_forgets_all},
};

}  // namespace kvern::conformance
