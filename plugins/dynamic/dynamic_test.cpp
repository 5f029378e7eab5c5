#include "tests/conformance/check_rules.hpp"

#include "core/host/testing/counting_new.hpp"

using namespace kvern::conformance;

namespace {

Subject dynamic_subject(int layers = 2) {
  Subject subject =
      subject_of("dynamic", std::vector<kvern_layer>(static_cast<std::size_t>(layers), attention_layer()));
  subject.device = true;
  return subject;
}

/// One step of n tokens without comparing anything, on one row.
struct Decoder {
  Decoder(const Subject &subject, TestHost &host) : subject(subject) {
    error.struct_size = sizeof error;
    REQUIRE(make_cache(subject, host, &cache) == KVERN_OK);
  }
  ~Decoder() { cache->ops->destroy(cache); }

  kvern_status begin(int64_t n) {
    step = {sizeof step, 0, 1, n, &position, nullptr, 0, nullptr, nullptr};
    return cache->ops->begin(cache, &step, &error);
  }
  void rest() {
    const int64_t n = step.n_new;
    numbers.resize(static_cast<std::size_t>(2 * 8 * n));
    int64_t shape[4] = {1, 2, n, 8};
    const DLTensor k{numbers.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 0};
    DLTensor out_k, out_v;
    for (int layer = 0; layer < static_cast<int>(subject.layers.size()); ++layer) {
      kvern_view view{};
      view.struct_size = sizeof view;
      failed |= cache->ops->view(cache, layer, &view, &error) != KVERN_OK;
      failed |= cache->ops->update(cache, layer, &k, &k, &out_k, &out_v, &error) != KVERN_OK;
    }
    failed |= cache->ops->end(cache, n, &error) != KVERN_OK;
    position += n;
  }
  void run(int64_t n) {
    failed |= begin(n) != KVERN_OK;
    rest();
  }

  const Subject &subject;
  kvern_cache *cache = nullptr;
  kvern_error error{};
  kvern_step step{};
  int64_t position = 0;
  bool failed = false;
  std::vector<float> numbers;
};

}  // namespace

TEST_CASE("dynamic keeps every rule of the contract") {
  check_rules(dynamic_subject());
  Subject half = dynamic_subject();
  half.type = {kDLBfloat, 16, 1};
  half.tolerance = 0.03;
  check_rules(half);
}

TEST_CASE("dynamic grows in amortised steps") {
  const Subject subject = dynamic_subject();
  FullHost host;
  Decoder decoder(subject, host);
  decoder.run(100);
  for (int i = 0; i < 4000; ++i) decoder.run(1);
  REQUIRE_FALSE(decoder.failed);
  // 128 slots grow by half to more than 4100 in at most ten steps, for keys and values of two layers
  CHECK(host.allocations() <= 4 * 11);
  kvern_info info{};
  info.struct_size = sizeof info;
  decoder.cache->ops->info(decoder.cache, -1, &info, &decoder.error);
  CHECK(info.bytes_used == 4100 * 2 * 2 * 2 * 8 * 4);
  CHECK(info.bytes_device <= info.bytes_used * 3 / 2 + 64 * 2 * 2 * 2 * 8 * 4);
}

TEST_CASE("dynamic takes what the host expects at once") {
  Subject subject = dynamic_subject();
  subject.max_tokens = 110;
  FullHost host;
  Decoder decoder(subject, host);
  decoder.run(100);
  for (int i = 0; i < 10; ++i) decoder.run(1);
  CHECK(host.allocations() == 4);
  decoder.run(1);
  CHECK(host.allocations() == 8);
  CHECK_FALSE(decoder.failed);
}

TEST_CASE("dynamic holds one tensor twice while it grows, not all") {
  const Subject subject = dynamic_subject(8);
  FullHost host;
  Decoder decoder(subject, host);
  decoder.run(640);
  const int64_t before = host.live_bytes();
  host.reset_peak();
  decoder.run(200);
  const int64_t after = host.live_bytes();
  REQUIRE(after > before);
  CHECK(host.peak_bytes() <= after + before / 16);
  CHECK_FALSE(decoder.failed);
}

TEST_CASE("dynamic grows by what is needed where there is no memory to grow by half") {
  const Subject subject = dynamic_subject();
  FullHost host;
  Decoder decoder(subject, host);
  decoder.run(640);
  const int64_t token = 2 * 2 * 2 * 8 * 4;
  // exactly 800 tokens, and one tensor of theirs a second time
  host.set_budget(800 * token + 800 * token / 4);
  REQUIRE(decoder.begin(160) == KVERN_OK);
  decoder.rest();
  CHECK(host.refused() > 0);
  const int64_t held = host.live_bytes();
  CHECK(decoder.begin(2000) == KVERN_OUT_OF_MEMORY);
  CHECK(host.live_bytes() == held);
  CHECK_FALSE(decoder.failed);
}

TEST_CASE("a begin of dynamic that fails gives back what it took, so that another cache finds room") {
  const Subject subject = dynamic_subject(8);
  FullHost host;
  Decoder decoder(subject, host);
  decoder.run(568);  // 640 slots in each of 16 tensors
  const int64_t held = host.live_bytes();
  host.set_budget(held * 14 / 10);
  CHECK(decoder.begin(712) == KVERN_OUT_OF_MEMORY);
  CHECK(host.allocations() > 16 + 3);
  CHECK(host.live_bytes() == held);
  decoder.run(1);
  CHECK_FALSE(decoder.failed);
}

TEST_CASE("a decoding step of dynamic asks nothing of the heap") {
  const Subject subject = dynamic_subject();
  FullHost host;
  Decoder decoder(subject, host);
  decoder.run(100);
  decoder.run(1);
  // the plugin's heap is counted too: a failure makes a message
  const int64_t at_first = kvern::testing::allocations();
  kvern_info info{};
  info.struct_size = sizeof info;
  REQUIRE(decoder.cache->ops->info(decoder.cache, 1000, &info, &decoder.error) == KVERN_INVALID_ARGUMENT);
  REQUIRE(kvern::testing::allocations() > at_first);
  const int64_t allocations = host.allocations(), requests = kvern::testing::allocations();
  for (int i = 0; i < 10; ++i) decoder.run(1);
  CHECK(kvern::testing::allocations() == requests);
  CHECK(host.allocations() == allocations);
  CHECK_FALSE(decoder.failed);
}

TEST_CASE("dynamic refuses layers that keep no keys of their own, and names them") {
  FullHost host;
  for (uint32_t kind : {KVERN_LAYER_CROSS, KVERN_LAYER_STATE}) {
    Subject subject = dynamic_subject();
    subject.layers[1] = kind == KVERN_LAYER_STATE ? state_layer() : layer_of_kind(kind);
    kvern_cache *cache = nullptr;
    std::string message;
    CHECK(make_cache(subject, host, &cache, &message) == KVERN_UNSUPPORTED);
    CHECK(message.find("layer 1") != std::string::npos);
  }
}
