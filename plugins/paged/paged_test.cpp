#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

namespace {

kvern_option block_size(int64_t value) {
  kvern_option option{};
  option.struct_size = sizeof option;
  option.type = KVERN_INT;
  option.key = "block_size";
  option.i = value;
  return option;
}

Subject paged(const kvern_option &size,
              std::vector<kvern_layer> layers = {attention_layer(), attention_layer()}) {
  Subject subject = subject_of("paged", std::move(layers));
  subject.options.push_back(&size);
  return subject;
}

constexpr int64_t kToken =
    2 * 2 * 2 * 8 * 4;  // bytes of a token: two layers, keys and values, two heads of 8 floats

void feed(CacheHarness &harness, int64_t tokens) {
  REQUIRE(harness.step({std::vector<int64_t>(harness.rows.size(), tokens), StepPlan::kAll, {}, -1, 0, {}}) ==
          Outcome::done);
}

constexpr int64_t kExported =
    2;  ///< buffers that a cache keeps for the dense keys for which its harness has asked

/// Bytes of the layers: what the cache holds without memory to export dense keys, for which a harness asks now and then.
int64_t layer_bytes(const CacheHarness &harness) {
  return harness.info(0).bytes_device + harness.info(1).bytes_device;
}

}  // namespace

TEST_CASE("paged keeps every rule of the contract, with blocks shorter and longer than the steps") {
  for (const int64_t size : {32, 64, 4096}) {
    INFO("block_size " << size);
    const kvern_option option = block_size(size);
    check_rules(paged(option));
    Subject half = paged(option);
    half.type = {kDLBfloat, 16, 1};
    half.tolerance = 0.03;
    check_rules(half);
  }
}

TEST_CASE("a prefix of 2048 tokens that 16 rows share takes its bytes once") {
  const kvern_option option = block_size(64);
  const Subject subject = paged(option);
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(1, Row{});
  feed(harness, 2048);
  REQUIRE(layer_bytes(harness) == 2048 * kToken);
  REQUIRE(harness.gather(std::vector<int64_t>(16, 0)) == KVERN_OK);
  CHECK(layer_bytes(harness) == 2048 * kToken);
  CHECK(harness.info().bytes_used == 2048 * kToken);
  feed(harness, 1);  // each row gets a block of its own; waste is less than a block a row
  CHECK(layer_bytes(harness) == (2048 + 16 * 64) * kToken);
  CHECK(harness.info().bytes_used == (2048 + 16) * kToken);
}

TEST_CASE(
    "gather and clone of paged copy no keys, and a step after them copies the last block of a row at most") {
  const kvern_option option = block_size(32);
  const Subject subject = paged(option);
  FullHost host;
  CacheHarness harness(subject, host, 2);
  harness.rows.assign(4, Row{});
  feed(harness, 196);  // six blocks of a row are full, four tokens are in the seventh
  const int64_t allocations = host.allocations();
  for (int i = 0; i < 5; ++i) REQUIRE(harness.gather({2, 0, 2, 2}) == KVERN_OK);
  const std::unique_ptr<CacheHarness> copy = harness.clone();
  CHECK(host.allocations() == allocations);
  CHECK(layer_bytes(harness) == 7 * 32 * kToken);
  feed(harness, 1);  // four copies of the partial block; the clone still has the first
  CHECK(layer_bytes(harness) == (6 + 4) * 32 * kToken);
  CHECK(layer_bytes(*copy) == 7 * 32 * kToken);
  feed(*copy, 3);
  feed(harness, 20);
}

TEST_CASE("paged gives memory back when rows leave and when they are cut") {
  const kvern_option option = block_size(32);
  const Subject subject = paged(option);
  FullHost host;
  CacheHarness harness(subject, host, 3);
  harness.rows.assign(3, Row{});
  feed(harness, 160);
  CHECK(layer_bytes(harness) == 3 * 160 * kToken);
  REQUIRE(harness.gather({1}) == KVERN_OK);
  CHECK(layer_bytes(harness) == 160 * kToken);
  REQUIRE(harness.truncate({65}) == KVERN_OK);
  CHECK(layer_bytes(harness) == 96 * kToken);
  harness.reset();
  CHECK(host.live_bytes() == 0);
}

TEST_CASE(
    "full blocks of a row are joined whether steps are long or short, and keep to the bytes of their "
    "tokens") {
  const kvern_option option = block_size(32);
  const Subject subject = paged(option);
  FullHost host;
  CacheHarness harness(subject, host, 7), slow(subject, host, 8);
  harness.rows.assign(1, Row{});
  feed(harness, 8 * 32);
  CHECK(host.live_buffers() == 2 * 2 + kExported);  // two memories of four blocks, in two layers
  slow.rows.assign(1, Row{});
  for (int i = 0; i < 4 * 32 - 1; ++i) feed(slow, 1);
  CHECK(host.live_buffers() == 2 * 2 + 4 * 2 + 2 * kExported);
  feed(slow, 1);
  CHECK(layer_bytes(slow) == 4 * 32 * kToken);
  feed(slow, 1);  // joins them, and needs a fifth block
  CHECK(host.live_buffers() == 2 * 2 + 2 + 2 + 2 * kExported);
  CHECK(layer_bytes(slow) == 5 * 32 * kToken);
  const std::unique_ptr<CacheHarness> copy = harness.clone();
  REQUIRE(harness.truncate({5 * 32 + 1}) == KVERN_OK);  // the copy needs all of them
  CHECK(layer_bytes(harness) == 8 * 32 * kToken);
  feed(harness, 40);
  feed(*copy, 40);
  REQUIRE(slow.truncate({32 + 1}) == KVERN_OK);
  CHECK(layer_bytes(slow) == 2 * 32 * kToken);
  feed(slow, 100);
  CHECK(layer_bytes(slow) == 5 * 32 * kToken);
}

TEST_CASE("sixteen full blocks of a row end up in one memory, those of a prompt at once") {
  const kvern_option option = block_size(32);
  const Subject subject = paged(option);
  FullHost host;
  CacheHarness harness(subject, host, 10), slow(subject, host, 11);
  harness.rows.assign(1, Row{});
  feed(harness, 21 * 32);
  CHECK(host.live_buffers() == (1 + 1 + 1) * 2 + kExported);  // of 16, 4 and 1 blocks, in two layers
  CHECK(layer_bytes(harness) == 21 * 32 * kToken);
  slow.rows.assign(1, Row{});
  for (int i = 0; i < 16; ++i) feed(slow, 32);
  CHECK(host.live_buffers() == (3 + 3 + 4) * 2 + 2 * kExported);  // three of 4 blocks, and four
  const std::unique_ptr<CacheHarness> copy = slow.clone();
  feed(slow, 1);  // the copy sees all blocks
  CHECK(layer_bytes(slow) == 17 * 32 * kToken);
  copy->reset();
  feed(slow, 16 * 32 - 1);  // up to the end of the 32nd block
  feed(slow, 1);
  CHECK(host.live_buffers() == (3 + 7 + 1 + 1) * 2 + 2 * kExported);  // what was shared stays as it is
  CHECK(layer_bytes(slow) == 33 * 32 * kToken);
  REQUIRE(slow.truncate({20 * 32 + 5}) == KVERN_OK);
  CHECK(layer_bytes(slow) == 21 * 32 * kToken);
  feed(slow, 400);
}

TEST_CASE("blocks stay as they are where the host has no memory to join or to separate them") {
  const kvern_option option = block_size(32);
  const Subject subject = paged(option);
  FullHost host;
  CacheHarness harness(subject, host, 9);
  harness.rows.assign(1, Row{});
  for (int i = 0; i < 4; ++i) feed(harness, 31);
  feed(harness, 4);                            // fills the fourth block
  host.set_budget(host.live_bytes() + 30000);  // a fifth has room, a copy of all four has none
  feed(harness, 1);
  CHECK(layer_bytes(harness) == 5 * 32 * kToken);
  CHECK(host.live_buffers() == 5 * 2 + kExported);
  host.set_budget(0);
  harness.reset();
  harness.rows.assign(1, Row{});
  feed(harness, 8 * 32);
  host.set_budget(host.live_bytes() + 8000);
  REQUIRE(harness.truncate({6 * 32}) == KVERN_OK);
  CHECK(layer_bytes(harness) == 8 * 32 * kToken);
  host.set_budget(0);
  feed(harness, 33);
}

TEST_CASE("rows of paged take their own tokens only: padding and the filler of shorter rows cost nothing") {
  const kvern_option option = block_size(32);
  const Subject subject = paged(option);
  FullHost host;
  CacheHarness harness(subject, host, 4), other(subject, host, 5);
  harness.rows.assign(2, Row{});
  harness.rows[1].pad = 90;
  feed(harness, 100);
  CHECK(layer_bytes(harness) == (128 + 32) * kToken);
  other.rows.assign(1, Row{});
  feed(other, 6);
  REQUIRE(harness.append(other) == KVERN_OK);
  CHECK(layer_bytes(harness) == (128 + 32 + 32) * kToken);
  REQUIRE(harness.step({{0, 24, 2}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done);
  CHECK(layer_bytes(harness) == (128 + 64 + 32) * kToken);
  CHECK(harness.info().bytes_used == (100 + 34 + 8) * kToken);
  feed(other, 2);
}

TEST_CASE("a saved cache of paged holds a shared prefix once") {
  const kvern_option option = block_size(32);
  const Subject subject = paged(option);
  FullHost host;
  CacheHarness harness(subject, host, 6);
  harness.rows.assign(1, Row{});
  feed(harness, 64);
  const std::string one = harness.save();
  REQUIRE(harness.gather({0, 0, 0, 0, 0, 0, 0, 0}) == KVERN_OK);
  const std::string eight = harness.save();
  CHECK(static_cast<int64_t>(eight.size() - one.size()) < 2 * kToken);
  const std::vector<Row> rows = harness.rows;
  harness.reset();
  REQUIRE(harness.load(eight) == KVERN_OK);
  harness.rows = rows;
  CHECK(layer_bytes(harness) == 64 * kToken);
  feed(harness, 3);
}

TEST_CASE("an option that paged cannot serve is refused with what it may be") {
  const auto refusal = [](int64_t size, const std::vector<kvern_layer> &layers = {attention_layer()}) {
    const kvern_option option = block_size(size);
    FullHost host;
    kvern_cache *cache = nullptr;
    std::string message;
    CHECK(make_cache(paged(option, layers), host, &cache, &message) != KVERN_OK);
    return message;
  };
  CHECK(refusal(0) == "option 'block_size' is 0: it must be at least 32");
  CHECK(refusal(80) == "option 'block_size' is 80: it must be a multiple of 32, as 64 and 96 are");
  CHECK(refusal(64, {attention_layer(), state_layer()}).find("layer 1 has recurrent states") !=
        std::string::npos);
}
