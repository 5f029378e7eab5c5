// Which bytes travel, and how much of the device's memory is taken.
#include "tests/conformance/check_rules.hpp"
#include "tests/conformance/config.hpp"

using namespace kvern::conformance;

namespace {

constexpr int kLayers = 5;
constexpr int64_t kRows = 2, kLength = 64;
/// Keys and values of one token in one layer, all rows: two heads of 8 float32.
constexpr int64_t kToken = kRows * 2 * (8 + 8) * 4;

/// A cache of 5 layers that holds 10 tokens, on a device; its memory does not grow.
struct Filled {
  Filled() {
    subject.options = {config.string("inner", "static"),
                       config.table("inner_config", {config.integer("max_cache_len", kLength)})};
    harness = std::make_unique<CacheHarness>(subject, host, 1);
    feed_tokens(*harness, 10);
  }

  /// Bytes that the calls in `body` give to the device.
  template <class Body>
  Traffic traffic_of(Body body) {
    const Traffic before = host.device()->traffic();
    body();
    const Traffic &now = host.device()->traffic();
    return {now.to_device - before.to_device, now.from_device - before.from_device,
            now.within - before.within};
  }

  Config config;
  Subject subject = subject_of("offloaded", std::vector<kvern_layer>(kLayers, attention_layer()));
  FullHost host{Schedule{1, 50}};
  std::unique_ptr<CacheHarness> harness;
};

}  // namespace

TEST_CASE("A decoding step moves new tokens only from the device, and each layer once to it") {
  Filled filled;
  int64_t held = 10;
  for (const int64_t n_new : {1, 1, 3, 1}) {
    const Traffic moved = filled.traffic_of([&] { CHECK(filled.harness->step(n_new) == Outcome::done); });
    CHECK(moved.from_device == kLayers * n_new * kToken);
    // four layers as they were, and the first one for the next step, which has the new tokens already
    CHECK(moved.to_device == (kLayers * held + n_new) * kToken);
    CHECK(moved.within == kLayers * n_new * kToken);
    held += n_new;
  }
}

TEST_CASE("A step that only reads sends nothing back") {
  Filled filled;
  filled.harness->step(1);
  const Traffic moved = filled.traffic_of([&] { CHECK(filled.harness->step(0) == Outcome::done); });
  CHECK(moved.from_device == 0);
  CHECK(moved.to_device == kLayers * 11 * kToken);
}

TEST_CASE("Beam reordering moves each layer once in each direction") {
  Filled filled;
  filled.harness->step(1);
  const Traffic moved = filled.traffic_of([&] { CHECK(filled.harness->gather({1, 0}) == KVERN_OK); });
  CHECK(moved.from_device == kLayers * 11 * kToken);
  CHECK(moved.to_device == kLayers * 11 * kToken);
}

TEST_CASE("After reset no byte of the old text travels") {
  Filled filled;
  filled.harness->reset();
  const Traffic moved = filled.traffic_of([&] { feed_tokens(*filled.harness, 3); });
  CHECK(moved.from_device == kLayers * 3 * kToken);
  CHECK(moved.to_device == 3 * kToken);
}

TEST_CASE("Two layers are on the device, all of them in host memory") {
  Filled filled;
  for (int i = 0; i < 6; ++i) filled.harness->step(1);
  CHECK(filled.host.live_host_bytes() == kLayers * kLength * kToken);
  CHECK(filled.host.live_bytes() - filled.host.live_host_bytes() == 2 * kLength * kToken);
  const kvern_info all = filled.harness->info(), one = filled.harness->info(1);
  CHECK(all.bytes_device == 2 * kLength * kToken);
  CHECK(all.bytes_host == kLayers * kLength * kToken);
  CHECK(one.bytes_device == 0);
  CHECK(one.bytes_host == kLength * kToken);
}

TEST_CASE("The next layer is on its way before this one has been used") {
  Filled filled;
  SimulatedDevice &device = *filled.host.device();
  kvern_step step{};
  const std::vector<int64_t> positions{9, 10};
  step.struct_size = sizeof step;
  step.rows = kRows;
  step.row_pos = positions.data();
  step.stream = filled.host.stream();
  const kvern_cache_ops &ops = filled.harness->ops();
  kvern_error &error = filled.harness->error;
  REQUIRE(ops.begin(filled.harness->cache, &step, &error) == KVERN_OK);
  DLTensor k, v;
  for (int layer = 0; layer < kLayers; ++layer) {
    const int64_t before = device.traffic().to_device;
    REQUIRE(ops.update(filled.harness->cache, layer, nullptr, nullptr, &k, &v, &error) == KVERN_OK);
    CHECK(device.traffic().to_device - before == 10 * kToken);  // the layer behind this one
  }
  REQUIRE(ops.end(filled.harness->cache, 0, &error) == KVERN_OK);
}
