#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

TEST_CASE("none keeps every rule of the contract") {
  Subject subject = subject_of("none", {attention_layer(), attention_layer()});
  subject.recompute = true;
  subject.device = true;
  check_rules(subject);
}

TEST_CASE("none holds nothing between steps, and within one what the step brings") {
  Subject subject = subject_of("none", {attention_layer(), attention_layer(6)});
  subject.recompute = true;
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness, 6);
  CHECK(harness.info().tokens == 0);
  CHECK(harness.info().bytes_device == 0);
  CHECK(host.live_buffers() == 0);
  CHECK(host.peak_bytes() == int64_t{4} * 2 * 2 * 6 * 8 * 4);
  CHECK(harness.step(1) == Outcome::done);
  CHECK(host.live_buffers() == 0);
}
