// That `offloaded` gives what its inner cache gives, on the CPU and on a simulated device, and what it refuses.
#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

std::vector<kvern_layer> layers_of(int count, int32_t window = 0) {
  return std::vector<kvern_layer>(static_cast<std::size_t>(count), attention_layer(window));
}

Subject offloaded(Config &config, const char *inner, std::vector<kvern_layer> layers,
                  std::vector<const kvern_option *> inner_options = {}) {
  Subject subject = subject_of("offloaded", std::move(layers));
  subject.name = std::string("offloaded of ") + inner;
  subject.options = {config.string("inner", inner), config.table("inner_config", std::move(inner_options))};
  return subject;
}

std::string refusal(const Subject &subject, kvern_status status, bool on_device = false) {
  FullHost cpu, device(Schedule{1, 50});
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(subject, on_device ? device : cpu, &cache, &message) == status);
  return message;
}

Done run_on_device(const Subject &subject, uint64_t seeds = 8) {
  Done done;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    for (const int eagerness : {0, 50, 90})
      CHECK_NOTHROW(random_operations_on_device(subject, {seed, eagerness}, 25, done));
  }
  CHECK(done["elements"] > 1000);
  return done;
}

/// Whether a text on a device is right in this schedule; `without`: the waits of that stream are left out.
bool is_right(const Subject &subject, const Schedule &schedule,
              std::optional<SimulatedDevice::StreamName> without) {
  FullHost host(schedule);
  if (without) host.device()->leave_out_waits_of(*without);
  try {
    CacheHarness harness(subject, host, schedule.seed);
    feed_tokens(harness, 6);
    for (int i = 0; i < 6; ++i) harness.step(1);
    harness.gather({1, 0});
    for (int i = 0; i < 4; ++i) harness.step(1);
    harness.settle();
  } catch (const Violation &) {
    return false;
  }
  return host.violations().empty();
}

}  // namespace

TEST_CASE("offloaded keeps every rule of the contract, on the CPU and on a device") {
  Config config;
  for (const int layers : {1, 2, 4}) {
    Subject subject = offloaded(config, "dynamic", layers_of(layers));
    subject.device = true;
    check_rules(subject);
  }
}

TEST_CASE("offloaded of dynamic, sliding_window and static is right in every schedule") {
  Config config;
  run_on_device(offloaded(config, "dynamic", layers_of(3)));
  Subject window = offloaded(config, "sliding_window", layers_of(3, 6));
  window.first_tokens = 20;
  run_on_device(window);
  Subject fixed = offloaded(config, "static", layers_of(3), {config.integer("max_cache_len", 300)});
  Done done = run_on_device(fixed);
  for (const char *verb : {"gather", "truncate", "clone", "append", "save and load", "reset", "aborted",
                           "partial end", "end by row"}) {
    INFO(verb);
    CHECK(done[verb] > 0);
  }
}

TEST_CASE(
    "offloaded of sink and evicting, whose attention is the host's on the device, is right in every "
    "schedule") {
  Config config;
  Subject sink = offloaded(config, "sink", layers_of(3),
                           {config.integer("window_length", 9), config.integer("num_sink_tokens", 2)});
  sink.semantics.sink_window = 9, sink.semantics.sink_tokens = 2;
  sink.first_tokens = 12;
  CHECK(run_on_device(sink, 3)["attend"] > 0);
  CHECK(run_on_device(offloaded(config, "evicting", layers_of(3)), 3)["attend"] > 0);
}

TEST_CASE("offloaded of quantized works on the CPU and refuses a device as quantized does") {
  Config config;
  Subject subject = offloaded(config, "quantized", layers_of(2),
                              {config.integer("nbits", 8), config.integer("residual_length", 0)});
  subject.tolerance = 0.03;
  subject.first_tokens = 70;
  Done done;
  for (uint64_t seed = 0; seed < 6; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 20, done));
  CHECK(done["attend"] > 0);
  CHECK_THAT(refusal(subject, KVERN_UNSUPPORTED, true),
             Catch::Contains("the inner cache 'quantized'") && Catch::Contains("CPU"));
}

TEST_CASE("offloaded of itself and of recurrent states works") {
  Config config;
  run_on_device(offloaded(config, "offloaded", layers_of(3)), 4);
  Subject states = offloaded(config, "tiny_state", {state_layer(), state_layer(), state_layer()});
  Done done;
  for (uint64_t seed = 0; seed < 6; ++seed) CHECK_NOTHROW(random_operations(states, seed, 20, done));
  CHECK(done["state"] > 0);
}

TEST_CASE(
    "Each of the three waits is needed: a text without it is wrong in some schedules, with them in none") {
  Config config;
  const Subject subject = offloaded(config, "dynamic", layers_of(4));
  const auto wrong = [&](std::optional<SimulatedDevice::StreamName> without) {
    int count = 0;
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      for (const int eagerness : {0, 50, 90}) count += !is_right(subject, {seed, eagerness}, without);
    }
    return count;
  };
  CHECK(wrong({}) == 0);
  CHECK(wrong(SimulatedDevice::main) > 5);         // used before it has arrived
  CHECK(wrong(SimulatedDevice::from_device) > 5);  // sent back before it was written
  CHECK(wrong(SimulatedDevice::to_device) > 5);    // overwritten before it was used or sent back
}

TEST_CASE("On the CPU offloaded says that nothing is moved, and takes the memory of its inner cache") {
  Config config;
  FullHost host;
  const Subject subject = offloaded(config, "dynamic", layers_of(2)),
                plain = subject_of("dynamic", layers_of(2));
  CacheHarness harness(subject, host, 1);
  REQUIRE(host.lines().size() == 1);
  CHECK_THAT(host.lines()[0], Catch::Contains("offloaded") && Catch::Contains("nothing is moved"));
  feed_tokens(harness);
  FullHost other;
  CacheHarness inner(plain, other, 1);
  feed_tokens(inner);
  CHECK(host.live_bytes() == other.live_bytes());
}

TEST_CASE("An inner cache that does not exist, or is offloaded again and again, is refused") {
  Config config;
  CHECK_THAT(refusal(offloaded(config, "dynamik", layers_of(2)), KVERN_INVALID_ARGUMENT),
             Catch::Contains("the inner cache 'dynamik'"));
  const kvern_option *inner = config.string("inner", "offloaded");
  std::vector<const kvern_option *> nested{config.string("inner", "dynamic")};
  for (int depth = 0; depth < 5; ++depth) nested = {inner, config.table("inner_config", nested)};
  CHECK_THAT(refusal(offloaded(config, "offloaded", layers_of(2), nested), KVERN_INVALID_ARGUMENT),
             Catch::Contains("more than 4 deep"));
  CHECK_THAT(refusal(offloaded(config, "static", layers_of(2)), KVERN_INVALID_ARGUMENT),
             Catch::Contains("the inner cache 'static'") && Catch::Contains("max_cache_len"));
  CHECK_THAT(refusal(offloaded(config, "sliding_window", layers_of(2)), KVERN_UNSUPPORTED),
             Catch::Contains("the inner cache 'sliding_window'"));
}

TEST_CASE("When memory of either place is used up in the middle of a prompt the cache goes on") {
  Config config;
  const Subject subject = offloaded(config, "dynamic", layers_of(3));
  for (const bool pinned : {false, true}) {
    FullHost host(Schedule{4, 50});
    CacheHarness harness(subject, host, 4);
    feed_tokens(harness, 40);
    const int64_t host_bytes = host.live_host_bytes(), bytes = host.live_bytes();
    if (pinned)
      host.set_host_budget(host_bytes + 100);
    else
      host.set_budget(bytes - host_bytes + 100);
    CHECK(harness.step(100) == Outcome::no_memory);
    CHECK_THAT(std::string(harness.error.message), Catch::Contains(pinned ? "pinned host memory" : "memory"));
    CHECK(harness.step(1) == Outcome::done);
    harness.settle();
    host.set_budget(0);
    host.set_host_budget(0);
    CHECK(harness.step(100) == Outcome::done);
    harness.settle();
    CHECK(host.violations().empty());
  }
}
