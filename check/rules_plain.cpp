// Rules of every step, on a plain sequence of steps: where one of these is broken, the other rules cannot be judged.
#include "check/program.hpp"
#include "check/rules.hpp"

namespace kvern::conformance {
namespace {

void expect_steps(CacheHarness &harness, int count) {
  const StepPlan plan{std::vector<int64_t>(harness.rows.size(), 1), StepPlan::kAll, {}, -1, 0, {}};
  for (int i = 0; i < count; ++i) {
    expect(harness.step_or_single(plan) == Outcome::done,
           std::string("the cache cannot go on: ") + harness.error.message);
  }
}

/// Two rows, a prompt and some decode steps, in one way of reading the cache.
void plain_steps(const Subject &subject, StepPlan::Path path, bool count = false) {
  FullHost host;
  CacheHarness harness(subject, host, 41);
  feed_tokens(harness);
  for (const int64_t n : {1, 1, 4, 1}) {
    if (count) harness.check_info();
    expect(harness.step_or_single({{n, n}, StepPlan::kAll, {}, -1, 0, path}) == Outcome::done,
           std::string("a step was refused: ") + harness.error.message);
  }
}

/// What plain steps break, with borrowed keys that stay as they are: the rule, or with `others` also what is no rule of its own.
void check_plain_steps(const Subject &subject, const char *rule, bool others = false) {
  Subject calm = subject;
  calm.poison = false;
  for (const StepPlan::Path path : {StepPlan::Path::update, StepPlan::Path::attend}) {
    try {
      plain_steps(calm, path, rule == std::string(kCounts));
    } catch (const Violation &violation) {
      if (violation.rule() == rule || (others && violation.rule().empty())) throw;
    }
  }
}

void view_is_the_same_after_update(const Subject &subject) { check_plain_steps(subject, kSameView); }
void exported_keys_are_finite(const Subject &subject) { check_plain_steps(subject, kFinite); }
void keys_are_those_that_were_stored(const Subject &subject) { check_plain_steps(subject, kRightKeys, true); }
void info_counts_what_was_committed(const Subject &subject) { check_plain_steps(subject, kCounts); }

bool keeps_plain_steps(const Subject &subject) {
  try {
    for (const StepPlan::Path path : {StepPlan::Path::update, StepPlan::Path::attend})
      plain_steps(subject, path);
    return true;
  } catch (const Violation &) {
    return false;
  }
}

void borrowed_keys_are_not_kept(const Subject &subject) {
  Subject calm = subject;
  calm.poison = false;
  if (!keeps_plain_steps(calm)) return;  // another rule
  expect(keeps_plain_steps(subject),
         "results change when the given k and v are overwritten after another layer was named: the cache "
         "still reads them");
}

void buffers_are_used_within_their_ends(const Subject &subject) {
  FullHost host;
  check_all_verbs(subject, host, kBuffers);
  for (const std::string &violation : host.violations()) violated(violation, kBuffers);
}

}  // namespace

void use_all_verbs(const Subject &subject, TestHost &host) {
  CacheHarness harness(subject, host, 31), other(subject, host, 32);
  feed_tokens(harness);
  expect_steps(harness, 3);
  if (harness.ops().save && harness.ops().load) {
    expect(other.load(harness.save()) == KVERN_OK, std::string("load: ") + other.error.message);
    other.rows = harness.rows;
  } else {
    feed_tokens(other);
  }
  expect_steps(other, 1);
  if (harness.ops().gather)
    expect(harness.gather({1, 0}) == KVERN_OK, std::string("gather: ") + harness.error.message);
  if (harness.ops().append && subject.ragged) harness.append(other);
  expect_steps(harness, 2);
  if (harness.ops().truncate && harness.info().rollback != 0) {
    std::vector<int64_t> row_pos;
    for (const Row &row : harness.rows) row_pos.push_back(row.next() - 1);
    expect(harness.truncate(row_pos) == KVERN_OK, std::string("truncate: ") + harness.error.message);
  }
  if (harness.ops().clone) {
    const auto copy = harness.clone();
    expect(copy != nullptr, "clone finds no memory");
    expect_steps(*copy, 2);
    copy->settle();
  }
  expect_steps(harness, 2);
  harness.settle();
  harness.reset();
  feed_tokens(harness, 4);
}

void check_all_verbs(const Subject &subject, TestHost &host, const std::string &rule) {
  try {
    use_all_verbs(subject, host);
  } catch (const Violation &violation) {
    if (violation.rule() == rule) throw;
  }
}

const std::vector<Rule> plain_rules{
    {kSameView, "view says where each key is, the same before and after update",
     view_is_the_same_after_update, Needs::cache, true},
    {kFinite, "what update exports has the shape of the view, and finite elements", exported_keys_are_finite,
     Needs::cache, true},
    {kBorrowed, "the given k and v are not read once another layer is named", borrowed_keys_are_not_kept,
     Needs::cache, true},
    {kRightKeys, "the keys of a view are those that were stored, and attention is over exactly them",
     keys_are_those_that_were_stored, Needs::cache, true},
    {kCounts, "info counts the tokens and rows that were committed", info_counts_what_was_committed,
     Needs::cache, true},
    {kBuffers, "buffers are used within their ends, in slices that they have, and released once",
     buffers_are_used_within_their_ends, Needs::cache, true},
};

}  // namespace kvern::conformance
