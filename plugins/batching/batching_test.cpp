#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

namespace {

Subject batching(int64_t tokens) {
  Subject subject = subject_of("batching", {attention_layer(), attention_layer()});
  subject.max_tokens = tokens;
  return subject;
}

constexpr int64_t kToken =
    2 * 2 * 2 * 8 * 4;  // bytes of a token: two layers, keys and values, two heads of 8 floats

void feed(CacheHarness &harness, int64_t tokens) {
  REQUIRE(harness.step({std::vector<int64_t>(harness.rows.size(), tokens), StepPlan::kAll, {}, -1, 0, {}}) ==
          Outcome::done);
}

/// Bytes of the layers: what the cache holds without memory to export dense keys, for which a harness asks now and then.
int64_t layer_bytes(const CacheHarness &harness) {
  return harness.info(0).bytes_device + harness.info(1).bytes_device;
}

}  // namespace

TEST_CASE("batching keeps every rule of the contract") {
  check_rules(batching(400));
  check_rules(batching(63));
  Subject half = batching(400);
  half.type = {kDLBfloat, 16, 1};
  half.tolerance = 0.03;
  check_rules(half);
}

TEST_CASE("a row that joins batching uses the slot of one that has left, and no memory is taken") {
  const Subject subject = batching(64);
  FullHost host, elsewhere;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(3, Row{});
  feed(harness, 20);
  CHECK(layer_bytes(harness) == 3 * 64 * kToken);
  for (uint64_t i = 0; i < 4; ++i) {
    REQUIRE(harness.gather({0, 2}) == KVERN_OK);
    feed(harness, 1);
    CacheHarness other(subject, elsewhere, 2 + i);
    other.rows.assign(1, Row{});
    feed(other, 5 + static_cast<int64_t>(i));
    REQUIRE(harness.append(other) == KVERN_OK);
    feed(harness, 2);
  }
  CHECK(layer_bytes(harness) == 3 * 64 * kToken);
  harness.reset();
  CHECK(host.live_bytes() == 0);
}

TEST_CASE("batching says which row is full") {
  const Subject subject = batching(16);
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(2, Row{});
  REQUIRE(harness.step({{16, 3}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done);
  REQUIRE(harness.step({{0, 2}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done);
  CHECK(harness.step({{1, 1}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::no_capacity);
  CHECK(std::string(harness.error.message) ==
        "row 0 holds 16 tokens and 1 more are to come, but its capacity is 16");
  REQUIRE(harness.gather({1}) == KVERN_OK);
  feed(harness, 11);
}

TEST_CASE("batching needs the length of its slots") {
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(batching(0), host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK(message.find("'max_cache_len'") != std::string::npos);
}
