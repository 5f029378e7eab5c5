// Which bytes travel, and how much of the device's memory is taken.
#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"

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

namespace {

/// Decodes on one row without comparing anything, its keys and values in memory of the device.
class Decoder {
 public:
  Decoder(const Subject &subject, TestHost &host) : subject_(subject), host_(host) {
    error_.struct_size = sizeof error_;
    REQUIRE(make_cache(subject, host, &cache_) == KVERN_OK);
  }
  ~Decoder() { cache_->ops->destroy(cache_); }

  void step(int64_t n_new) {
    const kvern_layer &layer = subject_.layers[0];
    int64_t shape[4] = {1, layer.kv_heads, n_new, layer.head_dim_k};
    std::vector<std::byte> zeros(
        static_cast<std::size_t>(shape[1] * shape[2] * shape[3] * subject_.type.bits / 8));
    DLTensor keys{zeros.data(), {kDLCPU, 0}, 4, subject_.type, shape, nullptr, 0};
    keys.data = host_.device()->upload(keys);
    keys.device = SimulatedDevice::kDevice;
    kvern_step step{};
    step.struct_size = sizeof step;
    step.rows = 1, step.n_new = n_new, step.row_pos = &position_, step.stream = host_.stream();
    const kvern_cache_ops &ops = *cache_->ops;
    REQUIRE(ops.begin(cache_, &step, &error_) == KVERN_OK);
    DLTensor k, v;
    for (int i = 0; i < static_cast<int>(subject_.layers.size()); ++i)
      REQUIRE(ops.update(cache_, i, &keys, &keys, &k, &v, &error_) == KVERN_OK);
    REQUIRE(ops.end(cache_, n_new, &error_) == KVERN_OK);
    host_.device()->give_back(static_cast<std::byte *>(keys.data));
    position_ += n_new;
  }

 private:
  const Subject &subject_;
  TestHost &host_;
  kvern_cache *cache_ = nullptr;
  kvern_error error_{};
  int64_t position_ = 0;
};

}  // namespace

TEST_CASE("A token of the 135 M Llama shape sends 23040 bytes back, at any depth") {
  kvern_layer layer = attention_layer();
  layer.q_heads = 9, layer.kv_heads = 3, layer.head_dim_k = layer.head_dim_v = 64;
  Subject subject = subject_of("offloaded", std::vector<kvern_layer>(30, layer));
  subject.type = {kDLBfloat, 16, 1};
  subject.max_tokens = 600;
  FullHost host(Schedule{1, 100});
  Decoder decoder(subject, host);
  constexpr int64_t token = int64_t{2} * 3 * 64 * 2;  // keys and values of one layer
  decoder.step(512);
  for (int64_t held = 512; held < 515; ++held) {
    const Traffic before = host.device()->traffic();
    decoder.step(1);
    CHECK(host.device()->traffic().from_device - before.from_device == 30 * token);
    CHECK(host.device()->traffic().to_device - before.to_device == (30 * held + 1) * token);
  }
  CHECK(30 * token == 23040);
  CHECK(host.live_bytes() - host.live_host_bytes() == host.live_host_bytes() / 30 * 2);
  host.device()->finish();
  CHECK(host.violations().empty());
}
