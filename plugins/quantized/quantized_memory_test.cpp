// What quantized holds, when it packs, and what a step asks for.
#include <cmath>
#include <thread>

#include "core/host/testing/counting_new.hpp"
#include "plugins/quantized/testing/driver.hpp"

using namespace kvern::quantized_testing;

namespace {

/// Bits of a number with its share of scale and zero.
double effective_bits(int64_t bits, int64_t group) {
  return static_cast<double>(bits) + (bits == 8 ? 48.0 : 32.0) / static_cast<double>(group);
}

}  // namespace

TEST_CASE("memory at 16384 tokens is what the bits say, metadata counted, within 5 percent") {
  for (const auto &[bits, group] : {std::pair<int64_t, int64_t>{8, 64}, {4, 64}, {4, 32}, {3, 64}, {2, 64}}) {
    INFO(bits << " bits, group " << group);
    Options options;
    options.integer("nbits", bits).integer("q_group_size", group).string("search", "none");
    FullHost host;
    Driver driver({4, 1, 4, 1, 64, true}, options, host);
    for (int i = 0; i < 31; ++i) driver.step(512);
    driver.step(480);
    for (int i = 0; i < 32; ++i) driver.step(1);
    REQUIRE(driver.info().tokens == 16384);
    const double numbers = 4 * 2 * 64, packed = 16384 - 128;
    const double wanted = numbers / 8 * (packed * effective_bits(bits, group) + 128 * 16);
    const kvern_info info = driver.info();
    CHECK(static_cast<double>(info.bytes_used) > wanted);
    CHECK(static_cast<double>(info.bytes_used) < wanted * 1.05);
    CHECK(static_cast<double>(info.bytes_device) < wanted * 1.05);
    CHECK(info.bytes_device == host.live_bytes());
  }
}

TEST_CASE("bytes used are those of whole blocks and dense tokens, no more") {
  Options options;
  options.integer("nbits", 4).integer("residual_length", 16);
  FullHost host;
  Driver driver({1, 1, 4, 2, 64, true}, options, host);
  const int64_t block = 64 * 2 * (64 * 4 + 32) / 8;
  for (int64_t n : {5, 74, 1, 64, 1000, 3}) {
    driver.step(n);
    const int64_t held = driver.next[0], blocks = std::max<int64_t>(0, (held - 16) / 64);
    CHECK(driver.info().bytes_used == 2 * (blocks * block + (held - blocks * 64) * 2 * 64 * 2));
  }
}

TEST_CASE("a long step gives back what it held in full as soon as it ends") {
  Options options;
  options.integer("nbits", 4);
  FullHost host;
  Driver driver({2, 1, 4, 2, 64, true}, options, host);
  driver.step(4096);
  const int64_t dense = int64_t{4096} * 2 * 2 * 2 * 64 * 2;
  CHECK(host.peak_bytes() > dense);
  CHECK(driver.info().bytes_device < dense * 56 / 160);
  CHECK(host.live_bytes() == driver.info().bytes_device);
}

TEST_CASE("a long text in chunks takes at no time more than what it ends with and one chunk in full") {
  constexpr int64_t kLayers = 8, kChunk = 512, kToken = 2 * 2 * 64 * 2;
  for (int64_t bits : {8, 4, 2}) {
    INFO(bits << " bits");
    Options options;
    options.integer("nbits", bits).string("search", "none");
    FullHost host;
    Driver driver({kLayers, 1, 4, 2, 64, true}, options, host);
    for (int i = 0; i < 32; ++i) driver.step(kChunk);
    // what was not packed when the last chunk came is with it: residual_length, the stagger, less than a block
    const int64_t chunk = kLayers * kToken * (kChunk + 128 + 64 + 64);
    CHECK(host.peak_bytes() <= driver.info().bytes_device + chunk);
    CHECK(host.live_bytes() == driver.info().bytes_device);
  }
}

TEST_CASE("no step packs more than one block of one layer, also after a long one") {
  constexpr int kLayers = 32;
  Options options;
  options.integer("nbits", 2).integer("residual_length", 32).string("search", "none");
  FullHost host;
  Driver driver({kLayers, 1, 2, 1, 16, true}, options, host);
  const int64_t token = 2 * 16 * 2;
  const auto dense = [&](int layer) {
    // a token takes more in full than packed: the remainder of whole blocks tells the two apart
    const int64_t block = 64 * 2 * 16 * 2 / 8 + 2 * 64 * 4;
    const int64_t used = driver.info(layer).bytes_used, held = driver.next[0];
    for (int64_t blocks = 0; blocks * 64 <= held; ++blocks) {
      if (blocks * block + (held - blocks * 64) * token == used) return held - blocks * 64;
    }
    FAIL("bytes_used of layer " << layer << " are those of no number of blocks");
    return int64_t{-1};
  };
  driver.step(700);
  int64_t packed_in_all = 0;
  for (int i = 0; i < 200; ++i) {
    std::vector<int64_t> before;
    for (int layer = 0; layer < kLayers; ++layer) before.push_back(dense(layer));
    driver.step(1, i % 10 == 0);
    int64_t packed = 0;
    for (int layer = 0; layer < kLayers; ++layer) {
      CHECK(dense(layer) >= 32);
      packed += dense(layer) < before[static_cast<std::size_t>(layer)];
    }
    CHECK(packed <= 1);
    packed_in_all += packed;
  }
  CHECK(packed_in_all >= kLayers * 3);
}

TEST_CASE("a warm decode step asks nothing of the heap or the host unless it packs") {
  Options options;
  options.integer("nbits", 4).integer("residual_length", 32);
  FullHost host;
  Driver driver({2, 1, 4, 2, 64, true}, options, host);
  driver.step(600);
  for (int i = 0; i < 70; ++i) driver.step(1, true);
  int quiet = 0;
  for (int i = 0; i < 64; ++i) {
    const int heap = kvern::testing::allocations();
    const int64_t asked = host.allocations(), used = driver.info().bytes_used;
    const int by_info = kvern::testing::allocations() - heap;
    driver.step(1, true);
    const bool asked_nothing = kvern::testing::allocations() == heap + by_info && host.allocations() == asked;
    const bool packed = driver.info().bytes_used < used;
    CHECK((asked_nothing || packed));
    quiet += asked_nothing;
  }
  CHECK(quiet >= 62);
}

TEST_CASE("attend takes no more memory than one unpacked block and what dense attention takes") {
  const auto taken = [](int64_t key_bits, int64_t axis, int64_t group, int64_t tokens, bool packed) {
    int64_t bytes = 0;
    Options options;
    options.integer("key_nbits", key_bits).integer("value_nbits", key_bits == 8 ? 3 : 8);
    options.integer("axis_key", axis).integer("axis_value", axis).integer("q_group_size", group);
    options.integer("residual_length", packed ? 16 : 100000).string("search", "none");
    // a thread of its own: kernels keep their working memory by thread
    std::thread([&] {
      FullHost host;
      Driver driver({1, 1, 4, 2, 64, true}, options, host);
      driver.step(tokens);
      const int64_t before = kvern::testing::allocated_bytes();
      driver.step(1, true);
      bytes = kvern::testing::allocated_bytes() - before;
    }).join();
    return bytes;
  };
  for (int64_t bits : {8, 4, 3, 2, 1}) {
    for (int64_t axis : {0, 1}) {
      for (int64_t group : {16, 64, 256}) {
        INFO(bits << " bits, axis " << axis << ", group " << group);
        const int64_t block = std::max<int64_t>(64, axis ? group : 0) * (64 + 64) * 4;
        const int64_t dense = taken(bits, axis, group, 1500, false),
                      packed = taken(bits, axis, group, 1500, true);
        CHECK(packed <= dense + block + 8192);
        // whatever there is to attend to: lists of spans do not grow with it here, one step having packed them all
        CHECK(taken(bits, axis, group, 3000, true) <= packed + 256);
      }
    }
  }
}
