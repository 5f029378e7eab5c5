#include <cstring>

#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

const char *const kPolicies[] = {"h2o", "snapkv", "tova", "window+random"};

/// The cache with the options it is made with.
class EvictingSubject {
 public:
  explicit EvictingSubject(const char *policy,
                           std::vector<kvern_layer> layers = {attention_layer(), attention_layer()}) {
    subject.name = "evicting";
    subject.plugin = built_plugin("evicting");
    subject.layers = std::move(layers);
    subject.options.push_back(config_.string("policy", policy));
  }
  EvictingSubject &integer(const char *key, int64_t value) {
    subject.options.push_back(config_.integer(key, value));
    return *this;
  }

  Subject subject;

 private:
  Config config_;
};

std::string refusal(const EvictingSubject &made) {
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(made.subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  return message;
}

/// A cache beyond its budget, whose results are those of the keys that are left: driven without comparing.
class Driven {
 public:
  Driven(const EvictingSubject &made, TestHost &host) : layers_(made.subject.layers), host_(host) {
    REQUIRE(make_cache(made.subject, host, &cache_) == KVERN_OK);
  }
  explicit Driven(const Driven &from, kvern_cache *cache)
      : layers_(from.layers_), host_(from.host_), cache_(cache) {
    next = from.next;
  }
  ~Driven() { cache_->ops->destroy(cache_); }
  Driven(const Driven &) = delete;

  /// Feeds n tokens to each row; the outputs of the last layer. keep < n: a tentative step.
  std::vector<float> feed(int64_t n, int64_t keep = -1) {
    const auto rows = std::ssize(next);
    kvern_step step{};
    step.struct_size = sizeof step;
    step.stream = host_.stream();
    if (keep >= 0) step.flags = KVERN_STEP_TENTATIVE;
    step.rows = rows;
    step.n_new = n;
    step.row_pos = next.data();
    check(ops().begin(cache_, &step, &error_));
    std::vector<float> out;
    for (int layer = 0; layer < std::ssize(layers_); ++layer) out = attend(layer, rows, n);
    check(ops().end(cache_, keep < 0 ? n : keep, &error_));
    for (int64_t &position : next) position += keep < 0 ? n : keep;
    return out;
  }

  kvern_info info(int layer = -1) const {
    kvern_info info{};
    info.struct_size = sizeof info;
    REQUIRE(ops().info(cache_, layer, &info, &error_) == KVERN_OK);
    return info;
  }
  /// Positions that a head holds, ascending.
  std::vector<int64_t> positions(int layer, int64_t row, int64_t head) {
    kvern_step step{};
    step.struct_size = sizeof step;
    step.stream = host_.stream();
    step.rows = std::ssize(next);
    step.row_pos = next.data();
    check(ops().begin(cache_, &step, &error_));
    kvern_view view{};
    view.struct_size = sizeof view;
    check(ops().view(cache_, layer, &view, &error_));
    const int64_t *from = view.key_pos + row * view.row_stride + head * view.head_stride;
    std::vector<int64_t> held;
    for (int64_t i = 0; i < view.kv_len; ++i)
      if (from[i] >= 0) held.push_back(from[i]);
    check(ops().end(cache_, 0, &error_));
    return held;
  }
  const kvern_cache_ops &ops() const { return *cache_->ops; }
  kvern_cache *cache() { return cache_; }
  TestHost &host() { return host_; }

  std::vector<int64_t> next{0};

 private:
  void check(kvern_status status) {
    INFO(error_.message);
    REQUIRE(status == KVERN_OK);
  }

  std::vector<float> attend(int number, int64_t rows, int64_t n) {
    const kvern_layer &layer = layers_[number];
    std::vector<float> q = values(Kind::query, number, rows, layer.q_heads, n, layer.head_dim_k),
                       k = values(Kind::key, number, rows, layer.kv_heads, n, layer.head_dim_k),
                       v = values(Kind::value, number, rows, layer.kv_heads, n, layer.head_dim_v),
                       out(static_cast<std::size_t>(rows * layer.q_heads * n * layer.head_dim_v));
    int64_t shapes[4][4] = {{rows, layer.q_heads, n, layer.head_dim_k},
                            {rows, layer.kv_heads, n, layer.head_dim_k},
                            {rows, layer.kv_heads, n, layer.head_dim_v},
                            {rows, layer.q_heads, n, layer.head_dim_v}};
    float *data[4] = {q.data(), k.data(), v.data(), out.data()};
    DLTensor tensors[4];
    for (int i = 0; i < 4; ++i)
      tensors[i] = {data[i], {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shapes[i], nullptr, 0};
    const DLTensor on_host = tensors[3];
    SimulatedDevice *device = host_.device();
    for (DLTensor &tensor : tensors)
      if (device) tensor.data = device->upload(tensor), tensor.device = SimulatedDevice::kDevice;
    kvern_attend call{};
    call.struct_size = sizeof call;
    call.layer = number;
    call.causal = 1;
    call.scale = 1;
    call.q = &tensors[0], call.k = &tensors[1], call.v = &tensors[2], call.out = &tensors[3];
    check(ops().attend(cache_, &call, &error_));
    if (!device) return out;
    device->download(tensors[3], on_host);
    for (const DLTensor &tensor : tensors) device->give_back(static_cast<std::byte *>(tensor.data));
    device->finish();
    return out;
  }

  std::vector<float> values(Kind kind, int layer, int64_t rows, int64_t heads, int64_t n, int64_t dim) const {
    std::vector<float> x;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t i = 0; i < n; ++i)
          for (int64_t d = 0; d < dim; ++d)
            x.push_back(static_cast<float>(test_value(static_cast<uint32_t>(next[r] + i + 1000 * r), layer,
                                                      kind, static_cast<int>(h), static_cast<int>(d))));
    return x;
  }

  std::vector<kvern_layer> layers_;
  TestHost &host_;
  kvern_cache *cache_ = nullptr;
  mutable kvern_error error_ = kvern_error{sizeof(kvern_error), 0, {}};
};

struct Bytes {
  std::string data;
  std::size_t at = 0;
};
int64_t write_bytes(void *ctx, void *buffer, uint64_t size) {
  static_cast<Bytes *>(ctx)->data.append(static_cast<char *>(buffer), size);
  return static_cast<int64_t>(size);
}
int64_t read_bytes(void *ctx, void *buffer, uint64_t size) {
  auto &from = *static_cast<Bytes *>(ctx);
  const std::size_t n = std::min<std::size_t>(size, from.data.size() - from.at);
  std::memcpy(buffer, from.data.data() + from.at, n);
  from.at += n;
  return static_cast<int64_t>(n);
}

/// Bytes of keys and values of one token in one layer of the tests.
constexpr int64_t kToken = int64_t{2} * 2 * 8 * 4;
constexpr int64_t kBlock = 16;

}  // namespace

TEST_CASE("evicting keeps every rule of the contract within its budget, with every policy") {
  for (const char *policy : kPolicies) {
    INFO(policy);
    EvictingSubject made(policy);
    check_rules(made.subject);
  }
}

TEST_CASE("evicting equals full attention within its budget, whatever is done to it") {
  for (const char *policy : kPolicies) {
    EvictingSubject made(policy, {attention_layer(), attention_layer(6)});
    Done done;
    for (uint64_t seed = 0; seed < 12; ++seed) CHECK_NOTHROW(random_operations(made.subject, seed, 40, done));
    for (const char *verb : {"gather", "truncate", "clone", "append", "save and load", "reset", "partial end",
                             "end by row", "aborted between layers", "attend", "update"}) {
      INFO(policy << ": " << verb);
      CHECK(done[verb] > 0);
    }
  }
}

TEST_CASE("evicting holds latents, whose values lie in their keys, within its budget and beyond it") {
  for (const char *policy : kPolicies) {
    INFO(policy);
    EvictingSubject made(policy, {latent_layer(), attention_layer()}), small(policy, {latent_layer()});
    check_rules(made.subject);
    small.integer("budget_bytes", 32 * 8 * 4);
    FullHost host;
    CacheHarness harness(small.subject, host, 1);
    REQUIRE(harness.ops().attend != nullptr);
    small.subject.own_word = true;
    small.subject.keeps_all = false;
    harness.rows.assign(1, Row{});
    for (int64_t n : {90, 1, 1, 5})
      REQUIRE(harness.step(StepPlan{{n}, StepPlan::kAll, {}, -1, 0, StepPlan::Path::attend}) ==
              Outcome::done);
    CHECK(host.live_bytes() <= (32 + kBlock) * 8 * 4);
  }
}

TEST_CASE("evicting attends, scores and evicts on a device, in every order of its streams") {
  for (const char *policy : kPolicies) {
    INFO(policy);
    EvictingSubject made(policy, {attention_layer(), latent_layer()});
    made.subject.device = true;
    check_rules(made.subject);
    Done done;
    for (uint64_t seed = 0; seed < 3; ++seed)
      random_operations_on_device(made.subject, {seed, static_cast<int>(seed) * 50}, 30, done);
    CHECK(done["attend"] > 10);
    CHECK(done["update"] > 10);
  }
}

TEST_CASE("On a device the same keys are evicted as on the CPU") {
  for (const char *policy : kPolicies) {
    EvictingSubject made(policy);
    made.integer("budget_tokens", 40);
    FullHost cpu, host(Schedule{7, 50});
    Driven wanted(made, cpu), cache(made, host);
    for (const int64_t n : {90, 1, 3, 1, 40, 1}) {
      INFO(policy << " " << n);
      CHECK(cache.feed(n) == wanted.feed(n));
      CHECK(cache.feed(5, 2) == wanted.feed(5, 2));
      for (const int layer : {0, 1})
        for (const int64_t head : {0, 1})
          CHECK(cache.positions(layer, 0, head) == wanted.positions(layer, 0, head));
    }
    CHECK(host.violations().empty());
  }
}

TEST_CASE("A step that is taken back brings no attention mass from the device") {
  const auto downloaded = [](const char *policy, int64_t keep) {
    EvictingSubject made(policy);
    made.integer("budget_tokens", 40);
    FullHost host(Schedule{7, 50});
    Driven cache(made, host);
    cache.feed(10);
    const int64_t before = host.device()->traffic().from_device;
    cache.feed(3, keep);
    return host.device()->traffic().from_device - before;
  };
  CHECK(downloaded("h2o", 0) == downloaded("window+random", 0));
  CHECK(downloaded("h2o", 1) > downloaded("window+random", 1));
}

TEST_CASE("At 25 % of a text evicting holds 25 % of the bytes, one block a head more at most") {
  for (const char *policy : kPolicies) {
    INFO(policy);
    EvictingSubject made(policy);
    made.integer("budget_tokens", 128);
    FullHost host;
    Driven cache(made, host);
    cache.feed(500);
    CHECK(cache.positions(0, 0, 0).size() == 128);
    CHECK(host.live_bytes() <= 2 * (128 + kBlock) * kToken);
    for (int i = 0; i < 12; ++i) cache.feed(1);
    CHECK(cache.info().tokens == 512);
    CHECK(cache.info().bytes_used <= 2 * (512 / 4 + kBlock) * kToken);
    CHECK(host.live_bytes() <= 2 * (512 / 4 + kBlock) * kToken);
    const int64_t bytes = host.live_bytes();
    for (int i = 0; i < 200; ++i) cache.feed(i % 3 + 1);
    CHECK(host.live_bytes() == bytes);
  }
}

TEST_CASE("budget_bytes is the bytes of one head: 64 tokens of 8 + 8 float32 elements take 4096") {
  EvictingSubject made("h2o");
  made.integer("budget_bytes", 4096 + 63);
  FullHost host;
  Driven cache(made, host);
  cache.feed(200);
  CHECK(cache.positions(1, 0, 1).size() == 64);
}

TEST_CASE("First and last tokens stay in every head, and heads choose the others for themselves") {
  for (const char *policy : kPolicies) {
    INFO(policy);
    EvictingSubject made(policy);
    made.integer("budget_tokens", 32).integer("num_sink_tokens", 3).integer("num_recent_tokens", 8);
    FullHost host;
    Driven cache(made, host);
    cache.feed(150);
    for (int i = 0; i < 40; ++i) cache.feed(2);
    for (int layer = 0; layer < 2; ++layer) {
      for (int64_t head = 0; head < 2; ++head) {
        const std::vector<int64_t> held = cache.positions(layer, 0, head);
        CHECK(held.size() >= 32);
        CHECK(held.size() < 32 + kBlock);
        for (int64_t i = 0; i < 3; ++i) CHECK(held[i] == i);
        for (int64_t i = 0; i < 8; ++i) CHECK(held[held.size() - 1 - i] == cache.next[0] - 1 - i);
      }
    }
    const bool alike = cache.positions(0, 0, 0) == cache.positions(0, 0, 1);
    CHECK(alike == (std::string(policy) == "tova"));
  }
}

TEST_CASE(
    "A copy, a saved and loaded cache, and rows gathered and joined go on as the cache itself beyond its "
    "budget") {
  for (const char *policy : kPolicies) {
    INFO(policy);
    EvictingSubject made(policy);
    made.integer("budget_tokens", 40);
    FullHost host;
    Driven cache(made, host);
    cache.feed(90);
    for (int i = 0; i < 9; ++i) cache.feed(1);
    kvern_error error{sizeof(kvern_error), 0, {}};
    kvern_cache *copied = nullptr;
    REQUIRE(cache.ops().clone(cache.cache(), &copied, &error) == KVERN_OK);
    Driven copy(cache, copied);
    Bytes bytes;
    const kvern_stream_io out{sizeof(kvern_stream_io), 0, &bytes, write_bytes},
        in{sizeof(kvern_stream_io), 0, &bytes, read_bytes};
    REQUIRE(cache.ops().save(cache.cache(), &out, &error) == KVERN_OK);
    Driven loaded(made, host);
    INFO(error.message);
    REQUIRE(loaded.ops().load(loaded.cache(), &in, &error) == KVERN_OK);
    loaded.next = cache.next;
    Driven rows(made, host);
    rows.feed(30);
    REQUIRE(rows.ops().append(rows.cache(), cache.cache(), &error) == KVERN_OK);
    const int64_t second = 1;
    REQUIRE(rows.ops().gather(rows.cache(), &second, 1, &error) == KVERN_OK);
    rows.next = cache.next;
    for (const int64_t n : {1, 3, 1, 40, 1}) {
      const std::vector<float> wanted = cache.feed(n);
      CHECK(copy.feed(n) == wanted);
      CHECK(loaded.feed(n) == wanted);
      CHECK(rows.feed(n) == wanted);
    }
  }
}

TEST_CASE("Tokens that a tentative step does not keep leave no mass behind") {
  for (const char *policy : kPolicies) {
    INFO(policy);
    EvictingSubject made(policy);
    made.integer("budget_tokens", 40);
    FullHost host;
    Driven one(made, host), other(made, host);
    one.feed(90), other.feed(90);
    for (int i = 0; i < 30; ++i) {
      one.feed(5, 1);
      other.feed(3, 1);
      one.feed(4, 0);
    }
    CHECK(one.positions(1, 0, 0) == other.positions(1, 0, 0));
  }
}

TEST_CASE("truncate takes back what came after the last eviction, and says so beyond it") {
  EvictingSubject made("h2o");
  made.integer("budget_tokens", 32);
  FullHost host;
  Driven cache(made, host);
  cache.feed(20);
  CHECK(cache.info().rollback == -1);
  cache.feed(60);
  CHECK(cache.info().rollback == 0);
  cache.feed(5);
  CHECK(cache.info().rollback == 5);
  kvern_error error{sizeof(kvern_error), 0, {}};
  int64_t position = 79;
  CHECK(cache.ops().truncate(cache.cache(), &position, &error) == KVERN_UNSUPPORTED);
  CHECK_THAT(error.message, Catch::Contains("only the last 5") && Catch::Contains("evicted"));
  position = 81;
  CHECK(cache.ops().truncate(cache.cache(), &position, &error) == KVERN_OK);
  CHECK(cache.info().tokens == 81);
  CHECK(cache.positions(0, 0, 0).size() == 33);
}

TEST_CASE("Budgets and protected tokens that do not go together are refused with what would be right") {
  CHECK_THAT(refusal(EvictingSubject("lru")), Catch::Contains("snapkv") && Catch::Contains("window+random"));
  EvictingSubject none("h2o"), small("h2o"), bytes("h2o"), both("h2o"), seed("tova"), window("h2o");
  none.integer("budget_tokens", 0);
  CHECK_THAT(refusal(none), Catch::Contains("budget_tokens") && Catch::Contains("at least 1"));
  small.integer("budget_tokens", 20).integer("num_sink_tokens", 8).integer("num_recent_tokens", 16);
  CHECK_THAT(refusal(small), Catch::Contains("at least 24"));
  bytes.integer("budget_bytes", 63);
  CHECK_THAT(refusal(bytes), Catch::Contains("64 bytes"));
  both.integer("budget_bytes", 6400).integer("budget_tokens", 100);
  CHECK_THAT(refusal(both), Catch::Contains("exclude each other"));
  seed.integer("seed", 3);
  CHECK_THAT(refusal(seed), Catch::Contains("window+random"));
  window.integer("window_size", 3);
  CHECK_THAT(refusal(window), Catch::Contains("snapkv"));
}

TEST_CASE("Caches of other policies are neither joined nor read from each other's files") {
  EvictingSubject h2o("h2o"), tova("tova");
  FullHost host;
  CacheHarness a(h2o.subject, host, 1), b(tova.subject, host, 2);
  feed_tokens(a, 9);
  feed_tokens(b, 9);
  CHECK(a.append(b) == KVERN_INVALID_ARGUMENT);
  std::string message;
  CHECK(a.load(b.save(), &message) == KVERN_BAD_DATA);
  CHECK_THAT(message, Catch::Contains("policy"));
}
