#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

namespace {

Subject static_subject(int64_t max_tokens) {
  Subject subject = subject_of("static", {attention_layer(), attention_layer()});
  subject.max_tokens = max_tokens;
  subject.device = true;
  return subject;
}

kvern_option length_option(int64_t value) {
  kvern_option option{};
  option.struct_size = sizeof option;
  option.type = KVERN_INT;
  option.key = "max_cache_len";
  option.i = value;
  return option;
}

/// Address of the keys and their number, from a step that only reads.
std::pair<const void *, int64_t> keys_of(CacheHarness &harness) {
  std::vector<int64_t> pos;
  for (const Row &row : harness.rows) pos.push_back(row.next());
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = static_cast<int64_t>(pos.size());
  step.row_pos = pos.data();
  REQUIRE(harness.ops().begin(harness.cache, &step, &harness.error) == KVERN_OK);
  DLTensor k, v;
  REQUIRE(harness.ops().update(harness.cache, 0, nullptr, nullptr, &k, &v, &harness.error) == KVERN_OK);
  REQUIRE(harness.ops().end(harness.cache, 0, &harness.error) == KVERN_OK);
  return {k.data, k.shape[2]};
}

}  // namespace

TEST_CASE("static keeps every rule of the contract") {
  check_rules(static_subject(64));
  Subject half = static_subject(64);
  half.type = {kDLBfloat, 16, 1};
  half.tolerance = 0.03;
  check_rules(half);
}

TEST_CASE("static takes its memory once and its keys stay where they are") {
  const Subject subject = static_subject(64);
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness, 5);
  CHECK(host.allocations() == 4);
  CHECK(host.live_bytes() == int64_t{4} * 2 * 2 * 64 * 8 * 4);
  const auto [address, length] = keys_of(harness);
  CHECK(length == 5);
  for (int i = 0; i < 20; ++i) harness.step(2);
  REQUIRE(harness.gather({1, 0}) == KVERN_OK);
  CHECK(keys_of(harness) == std::make_pair(address, int64_t{45}));
  harness.reset();
  feed_tokens(harness, 7);
  CHECK(keys_of(harness) == std::make_pair(address, int64_t{7}));
  CHECK(host.allocations() == 4);
}

TEST_CASE("static that is full says how much it holds and how much it can") {
  const Subject subject = static_subject(12);
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness, 10);
  CHECK(harness.info().capacity == 12);
  CHECK(harness.info().max_new == 2);
  CHECK(harness.step(3) == Outcome::no_capacity);
  const std::string message = harness.error.message;
  CHECK(message.find("10") != std::string::npos);
  CHECK(message.find("12") != std::string::npos);
  CHECK(harness.step(2) == Outcome::done);
}

TEST_CASE("static's length is max_cache_len, or what the host expects, or an error that names the option") {
  const kvern_option twenty = length_option(20), negative = length_option(-1);
  FullHost host;
  Subject subject = static_subject(64);
  subject.options = {&twenty};
  {
    CacheHarness harness(subject, host, 1);
    CHECK(harness.info().capacity == 20);
  }
  kvern_cache *cache = nullptr;
  std::string message;
  subject.options = {&negative};
  CHECK(make_cache(subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK(message.find("max_cache_len") != std::string::npos);
  CHECK(make_cache(static_subject(0), host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK(message.find("max_cache_len") != std::string::npos);
}

TEST_CASE("a clone of static is static too") {
  const Subject subject = static_subject(64);
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness, 5);
  const std::unique_ptr<CacheHarness> copy = harness.clone();
  REQUIRE(copy);
  const int64_t allocations = host.allocations();
  const auto address = keys_of(*copy).first;
  for (int i = 0; i < 10; ++i) copy->step(3);
  CHECK(keys_of(*copy).first == address);
  CHECK(host.allocations() == allocations);
}
