// Many prompts at once: each gives what it gives alone, whatever joins and leaves beside it, within the memory budget.
#include "runtime/run/prompt_batch.hpp"

#include <map>

#include "core/generation/driver.hpp"
#include "core/torch/single_thread.hpp"
#include "core/torch/torch.hpp"
#include "runtime/models/load.hpp"
#include "runtime/run/testing/every_cache.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using testing::request_of;

namespace {

using Ids = std::vector<int64_t>;
constexpr int64_t kLongest = 160;

const Model &model_of(const std::string &name) {
  static std::map<std::string, std::unique_ptr<Model>> known;
  auto &model = known[name];
  if (!model) model = load_model(test::source_path("tests/reference/decoders/models/" + name), {});
  return *model;
}
const Model &llama() { return model_of("llama"); }

Ids some_ids(int64_t n, int64_t seed) {
  Ids ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back((i * i * 3 + 11 * i + 37 * seed) % 397);
  return ids;
}

PromptJob job(Ids ids, int64_t new_tokens, std::optional<uint64_t> seed = {}) {
  PromptJob made{std::move(ids), {}};
  made.config.set(option::max_new_tokens, {new_tokens});
  if (seed) {
    made.config.set(option::do_sample, true);
    made.config.seed = *seed;
    set_option(made.config, "repetition_penalty", to_option(1.3));
  }
  return made;
}

/// Lengths from 1 to 120; every second one is sampled.
std::vector<PromptJob> mixed_jobs() {
  std::vector<PromptJob> jobs;
  const int64_t lengths[] = {5, 90, 17, 1, 120, 33, 64, 8}, more[] = {12, 30, 3, 25, 8, 1, 19, 40};
  for (int64_t j = 0; j < 8; ++j)
    jobs.push_back(
        job(some_ids(lengths[j], j), more[j], j % 2 ? std::optional<uint64_t>(100 + j) : std::nullopt));
  return jobs;
}

Ids alone(const Model &model, const std::string &cache_name, const PromptJob &given) {
  Cache cache = open_cache(model, request_of(cache_name, kLongest));
  return generate(model, cache, {{given.ids}, {}}, given.config).sequences.front();
}

struct Ran {
  std::map<size_t, PromptOutcome> outcomes;
  PromptBatchReport report;
  std::vector<std::string> notes;
  int64_t peak = 0;
};

Ran run(const Model &model, const Cache &pattern, const std::vector<PromptJob> &jobs,
        PromptBatchSetup setup = {}) {
  Ran ran;
  setup.pattern = &pattern;
  PromptBatchEvents events;
  events.on_done = [&](PromptOutcome outcome) { ran.outcomes[outcome.job] = std::move(outcome); };
  events.on_note = [&](const std::string &note) { ran.notes.push_back(note); };
  ran.report = run_prompts(model, setup, jobs, events);
  ran.peak = pattern.host().memory().peak;
  return ran;
}

PromptBatchSetup rows(int64_t n, int64_t budget = 0) {
  PromptBatchSetup setup;
  setup.max_batch = n;
  setup.memory_budget = budget;
  return setup;
}

void check_all(const Ran &ran, const Model &model, const std::string &cache,
               const std::vector<PromptJob> &jobs) {
  REQUIRE(ran.outcomes.size() == jobs.size());
  for (size_t j = 0; j < jobs.size(); ++j) {
    INFO("job " << j << ": " << ran.outcomes.at(j).message);
    REQUIRE_FALSE(ran.outcomes.at(j).error);
    CHECK(ran.outcomes.at(j).result.sequences.front() == alone(model, cache, jobs[j]));
  }
}

}  // namespace

TEST_CASE("Each of many prompts gives the tokens that it gives alone, greedy and sampled, on every cache") {
  keep_torch_single_threaded();
  const auto jobs = mixed_jobs();
  for (const std::string &name : testing::caches_for(llama(), kLongest)) {
    INFO(name);
    const Cache pattern = open_cache(llama(), request_of(name, kLongest));
    const Ran ran = run(llama(), pattern, jobs, rows(3));
    check_all(ran, llama(), name, jobs);
    const bool batched = pattern.offers("append") && pattern.offers("gather");
    CHECK(ran.report.most_rows == (batched ? 3 : 0));
    CHECK(ran.notes.size() == (batched ? 0 : 1));
  }
}

TEST_CASE("A row that has ended is replaced at once") {
  std::vector<PromptJob> jobs;
  for (const int64_t n : {21, 6, 6, 6, 6}) jobs.push_back(job(some_ids(4, n), n));
  const Cache pattern = open_cache(llama(), request_of("paged", 40));
  const Ran ran = run(llama(), pattern, jobs, rows(2));
  CHECK(ran.report.steps == 20);  // the short ones run beside the long one, five steps each
  CHECK(ran.report.timings.decode_tokens == 20 + 4 * 5);
  CHECK(ran.report.timings.prefill_tokens == 5 * 4);
}

TEST_CASE("Memory never exceeds the budget, and prompts wait for it instead of failing") {
  const auto jobs = mixed_jobs();
  for (const std::string name : {"paged", "batching"}) {
    auto request = request_of(name, kLongest);
    if (name == "paged") request.options = {{"block_size", {int64_t{32}, ""}}};
    const int64_t unlimited = run(llama(), open_cache(llama(), request), jobs, rows(8)).peak;
    for (const int64_t part : {2, 3}) {
      INFO(name << ", 1/" << part << " of " << unlimited << " bytes");
      request.memory_budget = unlimited / part;
      const Cache pattern = open_cache(llama(), request);
      const Ran ran = run(llama(), pattern, jobs, rows(8, request.memory_budget));
      check_all(ran, llama(), name, jobs);
      CHECK(ran.peak <= request.memory_budget);
      CHECK(ran.report.most_rows < 8);
      if (part == 2) CHECK(ran.report.most_rows > 1);
      CHECK(ran.report.repeated_prefills == 0);
    }
  }
}

TEST_CASE(
    "Where memory is gone in the middle the row that came last waits and goes on later, with the same "
    "tokens") {
  std::vector<PromptJob> jobs;  // each takes a block at first, and two more later
  for (int64_t j = 0; j < 6; ++j) jobs.push_back(job(some_ids(6, j), 60, 50 + j));
  auto request = request_of("paged", kLongest);
  request.options = {{"block_size", {int64_t{32}, ""}}};
  request.memory_budget = run(llama(), open_cache(llama(), request), jobs, rows(8)).peak * 2 / 3;
  const Cache pattern = open_cache(llama(), request);
  const Ran ran = run(llama(), pattern, jobs, rows(8));  // it is not told of the budget
  check_all(ran, llama(), "paged", jobs);
  CHECK(ran.report.repeated_prefills > 0);
}

TEST_CASE("A prompt that is wrong or too large is reported, and the others are done") {
  auto jobs = mixed_jobs();
  jobs[1].ids[3] = 4000;  // outside the vocabulary
  set_option(jobs[2].config, "temperature", to_option(-1.0));
  jobs[2].config.set(option::do_sample, true);
  jobs[3] = job({}, 3);
  jobs[5] = job(some_ids(255, 1), 1);
  auto request = request_of("paged", kLongest);
  request.options = {{"block_size", {int64_t{32}, ""}}};
  request.memory_budget = run(llama(), open_cache(llama(), request), {jobs[4]}, rows(1)).peak;
  const Ran ran = run(llama(), open_cache(llama(), request), jobs, rows(4, request.memory_budget));
  REQUIRE(ran.outcomes.size() == jobs.size());
  CHECK(ran.outcomes.at(1).error == ErrorKind::input);
  CHECK(ran.outcomes.at(1).message.find("4000") != std::string::npos);
  CHECK(ran.outcomes.at(2).error == ErrorKind::config);
  CHECK(ran.outcomes.at(3).error == ErrorKind::input);
  CHECK(ran.outcomes.at(5).error == ErrorKind::out_of_memory);
  for (const size_t j : {0, 4, 6, 7}) {
    INFO("job " << j);
    CHECK(ran.outcomes.at(j).result.sequences.front() == alone(llama(), "paged", jobs[j]));
  }
}

TEST_CASE(
    "Another strategy, and a rotation that depends on the length, run one after another with the same "
    "tokens") {
  auto jobs = mixed_jobs();
  set_option(jobs[0].config, "num_beams", to_option(int64_t{3}));
  const Ran beams = run(llama(), open_cache(llama(), request_of("paged", kLongest)), jobs, rows(4));
  check_all(beams, llama(), "paged", jobs);
  CHECK(beams.notes.empty());
  const Model &dynamic = model_of("llama_dynamic");
  std::vector<PromptJob> few{job(some_ids(6, 1), 12), job(some_ids(14, 2), 12), job(some_ids(30, 3), 5)};
  const Ran ran = run(dynamic, open_cache(dynamic, request_of("paged", kLongest)), few, rows(4));
  check_all(ran, dynamic, "paged", few);
  REQUIRE(ran.notes.size() == 1);
  CHECK(ran.notes[0].find("depends on the length") != std::string::npos);
}

TEST_CASE("Prompts behind one prefix share its memory and give the tokens that they give alone") {
  const Ids prefix = some_ids(96, 7);
  std::vector<PromptJob> jobs;
  for (int64_t j = 0; j < 6; ++j) {
    Ids ids = prefix;
    const Ids own = some_ids(3 + j, j);
    ids.insert(ids.end(), own.begin(), own.end());
    jobs.push_back(job(ids, 10));
  }
  auto request = request_of("paged", kLongest);
  request.options = {{"block_size", {int64_t{32}, ""}}};
  const Cache pattern = open_cache(llama(), request);
  Cache held = pattern.empty_like();
  {
    c10::InferenceMode no_gradients;
    Driver(llama(), held).feed({prefix}, {0}, {0, false});
  }
  const int64_t of_prefix = pattern.host().memory().live;
  PromptBatchSetup setup = rows(6);
  setup.prefix = &held;
  const Ran ran = run(llama(), pattern, jobs, setup);
  check_all(ran, llama(), "paged", jobs);
  CHECK(ran.report.timings.prefill_tokens == 3 + 4 + 5 + 6 + 7 + 8);
  CHECK(ran.peak < 4 * of_prefix);  // seven times, if each had its own
}

TEST_CASE("A run that is stopped keeps what has ended and says nothing of the rest") {
  const auto jobs = mixed_jobs();
  const Cache pattern = open_cache(llama(), request_of("paged", kLongest));
  PromptBatchSetup setup = rows(2);
  setup.pattern = &pattern;
  size_t ended = 0;
  PromptBatchEvents events;
  events.on_done = [&](PromptOutcome outcome) { ended += !outcome.error; };
  events.stop_requested = [&] { return ended >= 3; };
  run_prompts(llama(), setup, jobs, events);
  CHECK(ended >= 3);
  CHECK(ended <= 4);
}
