#include <kvern/abi/positions.h>

#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

/// The cache with the options it is made with.
class SinkSubject {
 public:
  SinkSubject(int64_t window, int64_t sinks,
              std::vector<kvern_layer> layers = {attention_layer(), attention_layer()}) {
    subject.name = "sink";
    subject.plugin = built_plugin("sink");
    subject.layers = std::move(layers);
    subject.semantics.sink_window = window;
    subject.semantics.sink_tokens = sinks;
    integer("window_length", window);
    integer("num_sink_tokens", sinks);
  }
  SinkSubject &integer(const char *key, int64_t value) {
    subject.options.push_back(config_.integer(key, value));
    return *this;
  }
  SinkSubject &positions(const char *value) {
    subject.options.push_back(config_.string("positions", value));
    return *this;
  }

  Subject subject;

 private:
  Config config_;
};

std::string refusal(const SinkSubject &made, kvern_status status) {
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(made.subject, host, &cache, &message) == status);
  return message;
}

Done run(const Subject &subject) {
  Done done;
  for (uint64_t seed = 0; seed < 16; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 40, done));
  for (const char *verb : {"gather", "truncate", "clone", "append", "save and load", "reset", "partial end",
                           "end by row", "aborted between layers"}) {
    INFO(verb);
    CHECK(done[verb] > 0);
  }
  return done;
}

/// Bytes of keys and values of one token in one layer of the tests.
constexpr int64_t kToken = int64_t{2} * 2 * 8 * 4;

}  // namespace

TEST_CASE("sink keeps every rule of the contract, short of the window and beyond it") {
  SinkSubject made(9, 2);
  check_rules(made.subject);
  made.subject.first_tokens = 30;
  check_rules(made.subject);
}

TEST_CASE("sink equals attention over the window at positions inside it, whatever is done to it") {
  for (const int64_t first : {0, 30}) {
    SinkSubject made(9, 2);
    made.subject.first_tokens = first;
    Done done = run(made.subject);
    CHECK(done["attend"] > 100);
    CHECK(done["update"] > 100);
  }
}

TEST_CASE("Windows without sinks, of sinks and one token, and longer than the text are the same rule") {
  for (const auto &[window, sinks] : {std::pair{6, 0}, std::pair{5, 4}, std::pair{1, 0}, std::pair{500, 4}}) {
    INFO(window << " " << sinks);
    SinkSubject made(window, sinks);
    made.subject.first_tokens = 10;
    run(made.subject);
  }
}

TEST_CASE("sink is exact where the stored positions begin anew, after 8192 and 12288 tokens") {
  SinkSubject made(9, 2, {attention_layer()});
  for (const int64_t tokens : {8185, 12281}) {
    FullHost host;
    CacheHarness harness(made.subject, host, 1);
    harness.rows.assign(2, Row{});
    harness.rows[1].pad = 3;
    REQUIRE(harness.step(StepPlan{{tokens, tokens}, StepPlan::kAll, {}, -1, 0, StepPlan::Path::attend}) ==
            Outcome::done);
    for (int i = 0; i < 8; ++i) REQUIRE(harness.step(1) == Outcome::done);
    REQUIRE(harness.step(StepPlan{{9, 4}, StepPlan::kAll, {}, -1, 0, StepPlan::Path::attend}) ==
            Outcome::done);
    for (int i = 0; i < 8; ++i) REQUIRE(harness.step(1) == Outcome::done);
  }
}

TEST_CASE("sink rotates and attends on a device, in every order of its streams") {
  SinkSubject made(9, 2);
  made.subject.device = true;
  made.subject.first_tokens = 12;
  check_rules(made.subject);
  Done done;
  for (uint64_t seed = 0; seed < 6; ++seed)
    random_operations_on_device(made.subject, {seed, static_cast<int>(seed % 3) * 50}, 30, done);
  CHECK(done["attend"] > 20);
  CHECK(done["update"] > 20);
}

TEST_CASE("With the text's positions keys beyond the window are rotated on a device as on the CPU") {
  SinkSubject made(24, 4);
  made.positions("absolute");
  made.subject.semantics = {};
  made.subject.tolerance = 1e6;  // the results are transformers'; here both places are compared
  FullHost cpu, device(Schedule{3, 50});
  std::string saved[2];
  for (FullHost *host : {&cpu, &device}) {
    CacheHarness harness(made.subject, *host, 1);
    harness.rows.assign(2, Row{});
    harness.rows[1].pad = 3;
    for (uint64_t step = 0; step < 9; ++step) {
      harness.reseed(step);
      REQUIRE(harness.step(step == 0 ? 30 : 2) == Outcome::done);
    }
    saved[host == &device] = harness.save();
  }
  CHECK(saved[0].size() > 24 * kToken);
  CHECK(saved[0] == saved[1]);
  CHECK(device.violations().empty());
}

TEST_CASE("sink holds the same memory after 200 turns as after 20") {
  SinkSubject made(64, 4, {attention_layer()});
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows.assign(1, Row{});
  int64_t bytes = 0;
  for (int turn = 0; turn < 200; ++turn) {
    const StepPlan prompt{{37}, StepPlan::kAll, {}, -1, 0, StepPlan::Path::attend};
    REQUIRE(harness.step(prompt) == Outcome::done);
    for (int i = 0; i < 20; ++i)
      REQUIRE(harness.step(StepPlan{{1}, StepPlan::kAll, {}, -1, 0, StepPlan::Path::attend}) ==
              Outcome::done);
    if (turn == 20) bytes = host.live_bytes();
    if (turn >= 20) REQUIRE(host.live_bytes() == bytes);
  }
  CHECK(bytes <= (64 + 2 * 16 + 2) * kToken);
  CHECK(harness.info().tokens == 200 * 57);
}

TEST_CASE("sink reports the span of its views where the model sees distances alone") {
  const kvern_positions_1 model{sizeof(kvern_positions_1), 0, 16};
  SinkSubject inside(9, 2), absolute(9, 2), longer(17, 2);
  absolute.positions("absolute");
  const auto span = [&](const SinkSubject &made, bool offered) {
    FullHost host;
    if (offered) host.offer(KVERN_POSITIONS_1, &model);
    CacheHarness harness(made.subject, host, 1);
    const auto *found = static_cast<const kvern_cache_positions_1 *>(
        harness.ops().get_extension(harness.cache, KVERN_POSITIONS_1));
    return found ? found->span : 0;
  };
  CHECK(span(inside, true) == 9);
  CHECK(span(inside, false) == 0);
  CHECK(span(absolute, true) == 0);
  CHECK(span(longer, false) == 0);
  FullHost host;
  host.offer(KVERN_POSITIONS_1, &model);
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(longer.subject, host, &cache, &message) == KVERN_UNSUPPORTED);
  CHECK_THAT(message, Catch::Contains("window_length = 17") && Catch::Contains("at most 16"));
}

TEST_CASE("An impossible window is refused with what would be right") {
  CHECK_THAT(refusal(SinkSubject(0, 0), KVERN_INVALID_ARGUMENT),
             Catch::Contains("window_length") && Catch::Contains("at least 1"));
  CHECK_THAT(refusal(SinkSubject(4, 4), KVERN_INVALID_ARGUMENT),
             Catch::Contains("num_sink_tokens = 4") && Catch::Contains("at most 3"));
  CHECK_THAT(refusal(SinkSubject(4, 7), KVERN_INVALID_ARGUMENT), Catch::Contains("at most 3"));
  CHECK_THAT(refusal(SinkSubject(4, -1), KVERN_INVALID_ARGUMENT), Catch::Contains("num_sink_tokens"));
  CHECK_THAT(refusal(SinkSubject(40, 4, {attention_layer(), attention_layer(16)}), KVERN_UNSUPPORTED),
             Catch::Contains("layer 1") && Catch::Contains("at most 16"));
  SinkSubject unknown(9, 2);
  unknown.positions("relative");
  CHECK_THAT(refusal(unknown, KVERN_INVALID_ARGUMENT),
             Catch::Contains("window") && Catch::Contains("absolute"));
}

TEST_CASE("With the text's positions a cache keeps every rule until its window is full") {
  SinkSubject made(200, 4);
  made.positions("absolute");
  made.subject.semantics = {};
  check_rules(made.subject);
  run(made.subject);
}

TEST_CASE("Caches with other windows are neither joined nor read from each other's files") {
  SinkSubject nine(9, 2), eight(8, 2);
  FullHost host;
  CacheHarness a(nine.subject, host, 1), b(eight.subject, host, 2);
  feed_tokens(a, 6);
  feed_tokens(b, 6);
  CHECK(a.append(b) == KVERN_INVALID_ARGUMENT);
  std::string message;
  CHECK(a.load(b.save(), &message) == KVERN_BAD_DATA);
  CHECK_THAT(message, Catch::Contains("window_length"));
}
