#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"

using namespace kvern::conformance;

namespace {

Subject offloaded_static(std::vector<const kvern_option *> options, int64_t max_tokens = 0) {
  Subject subject = subject_of("offloaded_static", {attention_layer(), attention_layer(), attention_layer()});
  subject.options = std::move(options);
  subject.max_tokens = max_tokens;
  return subject;
}

std::string refusal(const Subject &subject) {
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  return message;
}

}  // namespace

TEST_CASE("offloaded_static keeps every rule of the contract, on the CPU and on a device") {
  Config config;
  Subject subject = offloaded_static({config.integer("max_cache_len", 64)});
  subject.device = true;
  check_rules(subject);
}

TEST_CASE("offloaded_static takes its capacity from max_cache_len, from the host, or from inner_config") {
  Config config;
  FullHost host;
  const auto capacity = [&](const Subject &subject) {
    return CacheHarness(subject, host, 1).info().capacity;
  };
  CHECK(capacity(offloaded_static({config.integer("max_cache_len", 20)}, 64)) == 20);
  CHECK(capacity(offloaded_static({}, 64)) == 64);
  CHECK(capacity(offloaded_static({config.table("inner_config", {config.integer("max_cache_len", 30)})})) ==
        30);
}

TEST_CASE("offloaded_static that is full says so before anything is computed, and goes on") {
  Config config;
  FullHost host(Schedule{2, 50});
  const Subject subject = offloaded_static({config.integer("max_cache_len", 12)});
  CacheHarness harness(subject, host, 2);
  feed_tokens(harness, 10);
  CHECK(harness.step(3) == Outcome::no_capacity);
  CHECK(harness.step(2) == Outcome::done);
  harness.settle();
  CHECK(host.violations().empty());
}

TEST_CASE(
    "offloaded_static refuses a length that is written twice, that is missing, or that the inner cache "
    "lacks") {
  Config config;
  const kvern_option *length = config.integer("max_cache_len", 20);
  CHECK_THAT(refusal(offloaded_static({length, config.table("inner_config", {length})})),
             Catch::Contains("written twice"));
  CHECK_THAT(refusal(offloaded_static({})), Catch::Contains("max_cache_len"));
  refusal(offloaded_static({length, config.string("inner", "dynamic")}));
}
