#include "check/program.hpp"

#include <algorithm>
#include <utility>

namespace kvern::conformance {
namespace {

/// Text as it stands in a program.
std::string text_of(const std::vector<int64_t> &numbers) {
  std::string text;
  for (const int64_t one : numbers) text += (text.empty() ? "" : ", ") + std::to_string(one);
  return "{" + text + "}";
}

std::string text_of(const std::vector<Row> &rows) {
  std::string text;
  for (const Row &row : rows) {
    std::string one = row.pad ? ".pad = " + std::to_string(row.pad) : "";
    if (row.encoder_len)
      one += (one.empty() ? "" : ", ") + (".encoder = " + std::to_string(row.encoder)) +
             ", .encoder_len = " + std::to_string(row.encoder_len);
    text += (text.empty() ? "Row{" : ", Row{") + one + "}";
  }
  return "{" + text + "}";
}

std::string text_of(const StepPlan &plan) {
  std::string text = "{.new_tokens = " + text_of(plan.new_tokens);
  if (plan.keep != StepPlan::kAll) text += ", .keep = " + std::to_string(plan.keep);
  if (!plan.row_keep.empty()) text += ", .row_keep = " + text_of(plan.row_keep);
  if (plan.abort_at_layer >= 0) text += ", .abort_at_layer = " + std::to_string(plan.abort_at_layer);
  if (plan.n_cross > 0) text += ", .n_cross = " + std::to_string(plan.n_cross);
  return text + "}";
}

std::string failing(int64_t after) { return after < 0 ? "" : ", " + std::to_string(after); }

}  // namespace

Program::Program(const Subject &subject, bool moving)
    : subject_(subject), own_host_(std::make_unique<TestHost>(moving)), host_(*own_host_), done_(own_done_) {
  offer_extensions(host_);
  harness_ = std::make_unique<CacheHarness>(subject, host_, 1);
  for (const kvern_layer &layer : subject.layers) has_encoder_ |= layer.kind == KVERN_LAYER_CROSS;
}

Program::Program(const Subject &subject, TestHost &host, Done &done, Trace *trace)
    : subject_(subject), host_(host), done_(done), trace_(trace) {
  offer_extensions(host_);
  harness_ = std::make_unique<CacheHarness>(subject, host_, 1);
  for (const kvern_layer &layer : subject.layers) has_encoder_ |= layer.kind == KVERN_LAYER_CROSS;
}

Program::~Program() = default;

void Program::tell(const std::string &line) {
  if (trace_) trace_->line(line);
}

bool Program::started() const {
  return std::any_of(harness_->rows.begin(), harness_->rows.end(),
                     [](const Row &row) { return !row.tokens.empty(); });
}

StepPlan Program::all_rows(const CacheHarness &harness, int64_t n) const {
  return {std::vector<int64_t>(harness.rows.size(), n), StepPlan::kAll, {}, -1, 0, {}};
}

Program &Program::seed(uint64_t seed) {
  tell("p.seed(" + std::to_string(seed) + ");");
  harness_->reseed(seed);
  return *this;
}

void Program::rows(std::vector<Row> rows) {
  tell("p.rows(" + text_of(rows) + ");");
  harness_->rows = std::move(rows);
}

bool Program::step(StepPlan plan) {
  tell("p.step(" + text_of(plan) + ");");
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
    return false;
  }
  expect(outcome == Outcome::done, "a step was refused: " + std::string(harness_->error.message));
  ++done_["steps"];
  if (plan.keep == 0) ++done_["aborted"];
  if (plan.keep > 0) ++done_["partial end"];
  if (plan.abort_at_layer >= 0) ++done_["aborted between layers"];
  if (!plan.row_keep.empty()) ++done_["end by row"];
  return true;
}

void Program::step_without_memory(StepPlan plan, int64_t successes, bool for_ever) {
  tell("p.step_without_memory(" + text_of(plan) + ", " + std::to_string(successes) +
       (for_ever ? ", true);" : ", false);"));
  plan.keep = 0;
  host_.fail_alloc(successes, for_ever);
  const int64_t bytes = host_.live_bytes(), refused = host_.refused();
  const Outcome outcome = harness_->step(plan);
  host_.fail_alloc(-1);
  if (outcome == Outcome::no_memory) ++done_["begin out of memory"];
  const bool once = host_.refused() == refused + 1;
  if (outcome == Outcome::no_memory && once && host_.live_bytes() > bytes)
    ++done_["kept more memory after a failed begin"];
}

void Program::replace_encoder(StepPlan plan, const std::vector<Row> &encoders) {
  tell("p.replace_encoder(" + text_of(plan) + ", " + text_of(encoders) + ");");
  const std::vector<Row> before = harness_->rows;
  const auto take = [&](const std::vector<Row> &from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      harness_->rows[i].encoder = from[i].encoder;
      harness_->rows[i].encoder_len = from[i].encoder_len;
    }
  };
  take(encoders);
  const bool back = plan.keep == 0;
  Trace *trace = std::exchange(trace_, nullptr);  // the step is a part of this line
  const bool taken = step(std::move(plan));
  trace_ = trace;
  if (back || !taken) take(before);
  if (taken) ++done_[back ? "encoder taken back" : "encoder replaced"];
}

void Program::gather(const std::vector<int64_t> &order, int64_t fail_after) {
  tell("p.gather(" + text_of(order) + failing(fail_after) + ");");
  const auto held = static_cast<int64_t>(harness_->rows.size());
  if (fail_after >= 0) host_.fail_alloc(fail_after, true);
  const kvern_status status = harness_->gather(order);
  host_.fail_alloc(-1);
  if (status == KVERN_OUT_OF_MEMORY && fail_after >= 0 && static_cast<int64_t>(order.size()) > held) {
    ++done_["gather out of memory"];
    return;
  }
  expect(status == KVERN_OK, std::string("gather: ") + harness_->error.message);
  ++done_["gather"];
}

void Program::truncate(const std::vector<int64_t> &row_pos) {
  tell("p.truncate(" + text_of(row_pos) + ");");
  const kvern_status status = harness_->truncate(row_pos);
  expect(status == KVERN_OK, std::string("truncate: ") + harness_->error.message);
  ++done_["truncate"];
}

void Program::clone(bool continue_with_clone, int64_t fail_at) {
  tell(std::string("p.clone(") + (continue_with_clone ? "true" : "false") + failing(fail_at) + ");");
  if (fail_at >= 0) host_.fail_alloc(fail_at);
  std::unique_ptr<CacheHarness> other = harness_->clone();
  host_.fail_alloc(-1);
  if (!other) {
    expect(fail_at >= 0, "clone finds no memory where there is some");
    ++done_["clone out of memory"];
    return;
  }
  other->step_or_single(all_rows(*other, 2));
  harness_->step_or_single(all_rows(*harness_, 1));
  if (continue_with_clone) std::swap(harness_, other);
  done_["elements"] += other->counts.elements;
  ++done_["clone"];
}

void Program::append(std::vector<Row> rows, int64_t n, int64_t fail_after) {
  tell("p.append(" + text_of(rows) + ", " + std::to_string(n) + failing(fail_after) + ");");
  CacheHarness other(subject_, host_, static_cast<uint64_t>(harness_->random(0, 1 << 30)));
  other.rows = std::move(rows);
  StepPlan plan = all_rows(other, n);
  plan.n_cross = has_encoder_ ? 5 : 0;
  if (other.step_or_single(plan) != Outcome::done) return;
  if (fail_after >= 0) host_.fail_alloc(fail_after, true);
  const kvern_status status = harness_->append(other);
  host_.fail_alloc(-1);
  if (status == KVERN_OUT_OF_MEMORY && fail_after >= 0) {
    ++done_["append out of memory"];
  } else if (status == KVERN_UNSUPPORTED || status == KVERN_OUT_OF_CAPACITY) {
    ++done_["append refused"];
  } else {
    expect(status == KVERN_OK, std::string("append: ") + harness_->error.message);
    ++done_["append"];
  }
}

void Program::save_and_load() {
  tell("p.save_and_load();");
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

void Program::reset() {
  tell("p.reset();");
  harness_->reset();
  const kvern_info info = harness_->info();
  expect(info.tokens == 0 && info.rows == 0, "after reset the cache reports tokens");
  ++done_["reset"];
}

void Program::check() {
  if (!harness_->rows.empty() && !harness_->rows[0].tokens.empty()) harness_->check_info();
  for (const std::string &violation : host_.violations()) violated(violation, kBuffers);
}

void Program::finish() {
  harness_->settle();
  done_["elements"] += harness_->counts.elements;
  done_["attend"] += harness_->counts.attend;
  done_["update"] += harness_->counts.update;
  done_["state"] += harness_->counts.state;
  harness_.reset();
  for (const std::string &violation : host_.violations()) violated(violation, kBuffers);
  expect(host_.live_buffers() == 0, std::to_string(host_.live_buffers()) + " buffers were not released");
}

}  // namespace kvern::conformance
