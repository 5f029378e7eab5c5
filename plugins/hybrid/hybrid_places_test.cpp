// layer_device_map: one cache a place, on a host with a simulated device beside the CPU.
#include <cstring>

#include "plugins/hybrid/testing/options.hpp"
#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;
using kvern::hybrid::TestOptions;

namespace {

constexpr int64_t kTokens = 3, kHeads = 2, kDim = 8, kElements = kHeads * kTokens * kDim;

std::string refusal(TestHost &host, const char *key, const char *place, kvern_status status) {
  TestOptions o;
  Subject subject = subject_of("hybrid", {attention_layer(), attention_layer(6)});
  subject.options = {o.table("layer_device_map", {o.string(key, place)})};
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(subject, host, &cache, &message) == status);
  CHECK(host.live_buffers() == 0);
  return message;
}

/// Keys of one row: layer * 100 and its own index.
std::vector<float> keys_of(int layer) {
  std::vector<float> keys;
  for (int64_t i = 0; i < kElements; ++i) keys.push_back(static_cast<float>(100 * layer + i));
  return keys;
}

/// One step that stores the keys of each layer where the layer lives; what is exported, on the CPU.
class Step {
 public:
  Step(const Subject &subject, TestHost &host) : host_(host) {
    REQUIRE(make_cache(subject, host, &cache_) == KVERN_OK);
    kvern_step step{};
    step.struct_size = sizeof step;
    step.rows = 1, step.n_new = kTokens, step.row_pos = &position_, step.stream = host.stream();
    REQUIRE(ops().begin(cache_, &step, &error_) == KVERN_OK);
  }
  ~Step() { ops().destroy(cache_); }

  std::vector<float> store(int layer, bool on_device) {
    std::vector<float> given = keys_of(layer), got(given.size());
    DLTensor keys{given.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape_, nullptr, 0}, k{}, v{};
    DLTensor to = keys;
    to.data = got.data();
    std::byte *uploaded = on_device ? host_.device()->upload(keys) : nullptr;
    if (on_device) keys.data = uploaded, keys.device = SimulatedDevice::kDevice;
    host_.enter(layer);
    REQUIRE(ops().update(cache_, layer, &keys, &keys, &k, &v, &error_) == KVERN_OK);
    CHECK(k.device.device_type == (on_device ? kDLCUDA : kDLCPU));
    if (on_device) {
      host_.device()->download(k, to);
      host_.device()->finish();
      host_.device()->give_back(uploaded);
      return got;
    }
    for (int64_t head = 0; head < kHeads; ++head)  // a row of the cache has room for more tokens
      std::memcpy(&got[static_cast<std::size_t>(head * kTokens * kDim)],
                  static_cast<const float *>(k.data) + head * k.strides[1], kTokens * kDim * sizeof(float));
    return got;
  }
  kvern_info end() {
    CHECK(ops().end(cache_, kTokens, &error_) == KVERN_OK);
    kvern_info info{};
    info.struct_size = sizeof info;
    CHECK(ops().info(cache_, -1, &info, &error_) == KVERN_OK);
    return info;
  }

 private:
  const kvern_cache_ops &ops() const { return *cache_->ops; }

  TestHost &host_;
  kvern_cache *cache_ = nullptr;
  kvern_error error_{sizeof(kvern_error), 0, ""};
  int64_t position_ = 0, shape_[4] = {1, kHeads, kTokens, kDim};
};

}  // namespace

TEST_CASE("layer_device_map gives each place a cache of its own, and info counts its bytes by place") {
  for (const int eagerness : {0, 50, 100}) {
    TestOptions o;
    Subject subject = subject_of("hybrid", std::vector<kvern_layer>(4, attention_layer()));
    subject.options = {o.table("layer_device_map", {o.string("1-2", "cpu"), o.string("3", "cuda")})};
    FullHost host(Schedule{1, eagerness});
    {
      Step step(subject, host);
      for (int layer = 0; layer < 4; ++layer)
        CHECK(step.store(layer, layer == 0 || layer == 3) == keys_of(layer));
      const kvern_info info = step.end();
      CHECK(info.tokens == kTokens);
      CHECK(info.bytes_device > 0);
      CHECK(info.bytes_device == info.bytes_host);
      CHECK(info.bytes_device + info.bytes_host == host.live_bytes());
    }
    host.device()->finish();
    CHECK(host.violations().empty());
  }
}

TEST_CASE("On a CPU layer_device_map may name the CPU, and nothing else") {
  FullHost host;
  TestOptions o;
  Subject subject = subject_of("hybrid", {attention_layer(), attention_layer(6)});
  subject.options = {o.table("layer_device_map", {o.string("0-1", "cpu")})};
  subject.composite = true;
  check_rules(subject);
  CHECK_THAT(refusal(host, "1", "cuda:1", KVERN_UNSUPPORTED),
             Catch::Contains("layer 1 on cuda:1") && Catch::Contains("it has cpu"));
}

TEST_CASE("An entry of layer_device_map that makes no sense is refused with what would") {
  FullHost host;
  CHECK_THAT(refusal(host, "0", "gpu", KVERN_INVALID_ARGUMENT),
             Catch::Contains("'gpu'") && Catch::Contains("\"cuda:1\""));
  CHECK_THAT(refusal(host, "0", "cpu:1", KVERN_INVALID_ARGUMENT), Catch::Contains("'cpu:1'"));
  CHECK_THAT(refusal(host, "7", "cpu", KVERN_INVALID_ARGUMENT),
             Catch::Contains("the model has layers 0 to 1"));
  CHECK_THAT(refusal(host, "1-0", "cpu", KVERN_INVALID_ARGUMENT), Catch::Contains("'1-0'"));
  CHECK_THAT(refusal(host, "first", "cpu", KVERN_INVALID_ARGUMENT), Catch::Contains("'first'"));
  TestOptions o;
  Subject subject = subject_of("hybrid", {attention_layer(), attention_layer()});
  subject.options = {o.table("layer_device_map", {o.string("0-1", "cpu"), o.string("1", "cpu")})};
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK_THAT(message, Catch::Contains("layer 1 twice"));
}
