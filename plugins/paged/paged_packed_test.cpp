// paged with packed blocks: what full blocks cost, who shares them, and that a token is rounded once.
#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

constexpr int64_t kDense =
    2 * 2 * 8 * 4;  // bytes of a token of one layer: keys and values, two heads of 8 floats

struct PackedSubject {
  explicit PackedSubject(int64_t bits, int64_t residual = 0, int64_t axis = 0,
                         std::vector<kvern_layer> layers = {attention_layer(), attention_layer()})
      : subject(subject_of("paged", std::move(layers))) {
    subject.options = {config.integer("block_size", 64), config.integer("nbits", bits),
                       config.integer("residual_length", residual), config.integer("axis_key", axis),
                       config.integer("axis_value", axis)};
    subject.tolerance = bits == 8 ? 0.03 : 1;
    subject.first_tokens = 130;
  }

  Config config;
  Subject subject;
};

void feed(CacheHarness &harness, int64_t tokens) {
  REQUIRE(harness.step({std::vector<int64_t>(harness.rows.size(), tokens), StepPlan::kAll, {}, -1, 0, {}}) ==
          Outcome::done);
}

std::unique_ptr<CacheHarness> filled(const Subject &subject, TestHost &host, int64_t tokens,
                                     int64_t rows = 1) {
  auto harness = std::make_unique<CacheHarness>(subject, host, 1);
  harness->rows.assign(static_cast<std::size_t>(rows), Row{});
  feed(*harness, tokens);
  return harness;
}

/// All keys of layer 0, in a step that only reads.
std::vector<float> keys_of(CacheHarness &harness) {
  std::vector<int64_t> positions;
  for (const Row &row : harness.rows) positions.push_back(row.next());
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = static_cast<int64_t>(positions.size());
  step.row_pos = positions.data();
  REQUIRE(harness.ops().begin(harness.cache, &step, &harness.error) == KVERN_OK);
  DLTensor k{}, v{};
  REQUIRE(harness.ops().update(harness.cache, 0, nullptr, nullptr, &k, &v, &harness.error) == KVERN_OK);
  std::vector<float> keys;
  for (int64_t r = 0; r < k.shape[0]; ++r)
    for (int64_t h = 0; h < k.shape[1]; ++h)
      for (int64_t t = 0; t < k.shape[2]; ++t) {
        const float *at =
            static_cast<const float *>(k.data) + r * k.strides[0] + h * k.strides[1] + t * k.strides[2];
        keys.insert(keys.end(), at, at + k.shape[3]);
      }
  REQUIRE(harness.ops().end(harness.cache, 0, &harness.error) == KVERN_OK);
  return keys;
}

/// The first `tokens` of each head of one row.
std::vector<float> heads_until(const std::vector<float> &keys, int64_t tokens) {
  const auto all = static_cast<int64_t>(keys.size()) / (2 * 8);
  std::vector<float> first;
  for (int64_t head = 0; head < 2; ++head)
    first.insert(first.end(), keys.begin() + head * all * 8, keys.begin() + (head * all + tokens) * 8);
  return first;
}

}  // namespace

TEST_CASE("paged keeps every rule of the contract with packed blocks") {
  PackedSubject all(8), rest(8, 20, 1, {latent_layer(), attention_layer()});
  all.subject.first_tokens = 62, rest.subject.first_tokens = 82;  // a block is full
  check_rules(all.subject);
  check_rules(rest.subject);
}

TEST_CASE("paged with packed blocks keeps every token within the error of 8 bits, whatever is done to it") {
  kvern_layer narrow = attention_layer(20);
  narrow.head_dim_v = 12;
  PackedSubject made(8, 16, 0, {attention_layer(), latent_layer(), narrow});
  Done done;
  for (uint64_t seed = 0; seed < 10; ++seed) CHECK_NOTHROW(random_operations(made.subject, seed, 30, done));
  for (const char *verb : {"begin out of memory", "aborted", "partial end", "end by row", "gather",
                           "truncate", "clone", "append", "save and load", "reset", "attend", "update"}) {
    INFO(verb);
    CHECK(done[verb] > 0);
  }
}

TEST_CASE("A full block of 4 bits takes less than a quarter of its bytes, and rows and clones share it") {
  constexpr int64_t token = kDense * 8;  // heads of 64 elements
  kvern_layer wide = attention_layer();
  wide.head_dim_k = wide.head_dim_v = 64;
  PackedSubject made(4, 0, 0, {wide});
  FullHost host;
  const auto harness = filled(made.subject, host, 512);
  const int64_t packed = harness->info(0).bytes_device;
  CHECK(packed * 4 < 512 * token);
  CHECK(harness->info(0).bytes_used == packed);
  REQUIRE(harness->gather(std::vector<int64_t>(16, 0)) == KVERN_OK);
  const int64_t allocations = host.allocations();
  const auto copy = harness->clone();
  CHECK(host.allocations() == allocations);
  CHECK(harness->info(0).bytes_device == packed);
  feed(*harness, 1);
  CHECK(harness->info(0).bytes_device == packed + 16 * 64 * token);
  CHECK(copy->info(0).bytes_device == packed);
}

TEST_CASE("The last residual_length tokens stay as they were given") {
  PackedSubject made(1, 70);
  FullHost host;
  const auto harness = filled(made.subject, host, 133);  // 63 tokens behind the residual: no block is full
  CHECK(harness->info(0).bytes_device == 192 * kDense);
  feed(*harness, 1);
  CHECK(harness->info(0).bytes_device < 192 * kDense);
}

TEST_CASE("A token is rounded once: neither growth, truncate, save nor another row's packing changes it") {
  PackedSubject made(2);
  FullHost host;
  const auto harness = filled(made.subject, host, 130);
  const std::vector<float> before = keys_of(*harness);
  feed(*harness, 70);
  CHECK(heads_until(keys_of(*harness), 128) == heads_until(before, 128));
  const std::string saved = harness->save();
  const std::vector<Row> rows = harness->rows;
  const std::vector<float> all = keys_of(*harness);
  REQUIRE(harness->truncate({100}) == KVERN_OK);
  feed(*harness, 100);  // the block that was cut is full again
  CHECK(heads_until(keys_of(*harness), 100) == heads_until(before, 100));
  REQUIRE(harness->load(saved) == KVERN_OK);
  harness->rows = rows;
  CHECK(keys_of(*harness) == all);
}

TEST_CASE("A step that is taken back packs nothing") {
  PackedSubject made(4);
  FullHost host;
  const auto harness = filled(made.subject, host, 60);
  const std::vector<float> before = keys_of(*harness);
  REQUIRE(harness->step({{80}, 0, {}, -1, 0, {}}) == Outcome::done);
  CHECK(keys_of(*harness) == before);
  CHECK(harness->info(0).bytes_device == 64 * kDense);
}

TEST_CASE("Rows of a cache that packs in another way are taken, its packed blocks unpacked") {
  PackedSubject four(4), eight(8);
  FullHost host;
  const auto harness = filled(four.subject, host, 100);
  const auto other = filled(eight.subject, host, 100);
  REQUIRE(other->append(*harness) == KVERN_OK);
  CHECK(other->info().rows == 2);
  CHECK(harness->info().rows == 1);
  feed(*harness, 5);
}

TEST_CASE(
    "Options that say how blocks are packed are refused where they say nothing, and by what they may be") {
  const auto refusal = [](std::vector<std::pair<const char *, int64_t>> options) {
    Config config;
    Subject subject = subject_of("paged", {attention_layer()});
    for (const auto &[key, value] : options) subject.options.push_back(config.integer(key, value));
    FullHost host;
    kvern_cache *cache = nullptr;
    std::string message;
    CHECK(make_cache(subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
    CHECK(host.live_buffers() == 0);
    return message;
  };
  CHECK(refusal({{"nbits", 5}}) == "option 'nbits' is 5: it must be 0, 8, 4, 3, 2 or 1");
  CHECK(refusal({{"residual_length", 5}}) ==
        "option 'residual_length' says how blocks are packed: it needs nbits, 8, 4, 3, 2 or 1");
  CHECK(refusal({{"nbits", 4}, {"block_size", 96}}) ==
        "option 'block_size' is 96: it must be a multiple of 64 where blocks are packed, as 64 and 128 are");
  CHECK(refusal({{"nbits", 4}, {"axis_key", 1}, {"q_group_size", 256}, {"block_size", 128}}) ==
        "option 'block_size' is 128: it must be at least 256");
}

TEST_CASE("Blocks are packed on the CPU: another device refuses nbits in one sentence") {
  PackedSubject made(4);
  FullHost host(Schedule{1, 50});
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(made.subject, host, &cache, &message) == KVERN_UNSUPPORTED);
  CHECK_THAT(message, Catch::Contains("nbits"));
}
