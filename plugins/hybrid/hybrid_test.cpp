#include <kvern/abi/parts.h>

#include "plugins/hybrid/testing/options.hpp"
#include "tests/conformance/check_rules.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;
using kvern::hybrid::TestOptions;

namespace {

std::vector<kvern_layer> alternating() {
  return {attention_layer(6), attention_layer(), attention_layer(6), attention_layer()};
}

Subject hybrid_of(std::vector<kvern_layer> layers, std::vector<const kvern_option *> options) {
  Subject subject = subject_of("hybrid", std::move(layers));
  subject.options = std::move(options);
  subject.composite = true;
  return subject;
}

Done run(const Subject &subject, uint64_t seeds = 12) {
  Done done;
  for (uint64_t seed = 0; seed < seeds; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 40, done));
  return done;
}

std::string holder(const CacheHarness &harness, int32_t layer) {
  const auto *parts =
      static_cast<const kvern_parts_1 *>(harness.ops().get_extension(harness.cache, KVERN_PARTS_1));
  REQUIRE(parts);
  const kvern_cache *part = parts->part(parts->ctx, layer);
  return part ? part->ops->plugin->name : "";
}

}  // namespace

TEST_CASE("hybrid keeps every rule with windows and full layers in caches of their own") {
  Subject subject = hybrid_of(alternating(), {});
  check_rules(subject);
  subject.first_tokens = 30;
  check_rules(subject);
}

TEST_CASE("hybrid gives full attention's results, whatever is done to it") {
  for (const int64_t first : {0, 30}) {
    Subject subject = hybrid_of(alternating(), {});
    subject.first_tokens = first;
    Done done = run(subject);
    for (const char *verb : {"gather", "truncate", "clone", "append", "append out of memory", "save and load",
                             "reset", "partial end", "end by row", "aborted between layers"}) {
      INFO(verb);
      CHECK(done[verb] > 0);
    }
  }
}

TEST_CASE("hybrid takes any caches: packed, preallocated, moved, and layers that share keys") {
  TestOptions o;
  kvern_layer shared = attention_layer();
  shared.kind = KVERN_LAYER_NONE;
  shared.shares_layer = 0;
  Subject subject = hybrid_of({attention_layer(6), shared, attention_layer(), attention_layer(6)},
                              {o.string("attention", "static"), o.string("window", "tiny_offload")});
  subject.max_tokens = 60;
  run(subject);
  Subject packed = hybrid_of(
      {attention_layer(), attention_layer(70), attention_layer()},
      {o.entries({{o.integer("index", 2), o.string("cache_implementation", "quantized"),
                   o.table("cache_config", {o.integer("nbits", 8), o.integer("residual_length", 0)})}})});
  packed.first_tokens = 130;
  packed.tolerance = 0.05;
  CHECK(run(packed, 6)["attend"] > 0);
}

TEST_CASE("hybrid holds states beside keys, and keeps a part of a tentative step in both") {
  TestOptions o;
  const Subject subject = hybrid_of({state_layer(), attention_layer(), state_layer(), attention_layer(6)},
                                    {o.string("state", "tiny_state")});
  Done done = run(subject);
  for (const char *thing : {"state", "partial end", "end by row", "aborted"}) {
    INFO(thing);
    CHECK(done[thing] > 0);
  }
}

TEST_CASE("hybrid holds an encoder's keys beside those of the tokens") {
  TestOptions o;
  const kvern_layer cross = layer_of_kind(KVERN_LAYER_CROSS);
  const Subject subject =
      hybrid_of({attention_layer(), cross, attention_layer(), cross}, {o.string("cross", "tiny_cross")});
  Done done = run(subject, 24);
  CHECK(done["encoder taken back"] > 0);
  CHECK(done["encoder replaced"] > 0);
}

TEST_CASE("hybrid keeps nothing where one of its caches keeps nothing") {
  TestOptions o;
  Subject subject = hybrid_of(alternating(), {o.string("window", "none")});
  subject.recompute = true;
  run(subject);
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(1, Row{});
  REQUIRE(harness.step(9) == Outcome::done);
  CHECK(harness.info().tokens == 0);
  CHECK(harness.info().rows == 0);
}

TEST_CASE("hybrid counts each layer's bytes once, and all of them in the whole") {
  const Subject subject = hybrid_of(alternating(), {});
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(1, Row{});
  REQUIRE(harness.step(40) == Outcome::done);
  int64_t used = 0, taken = 0;
  for (int layer = 0; layer < 4; ++layer) {
    CHECK(harness.info(layer).bytes_used > 0);
    used += harness.info(layer).bytes_used;
    taken += harness.info(layer).bytes_device;
  }
  CHECK(used == harness.info().bytes_used);
  CHECK(taken == harness.info().bytes_device);
  CHECK(taken == host.live_bytes());
  CHECK(harness.info(0).bytes_used < harness.info(1).bytes_used);
}

TEST_CASE("hybrid tells which cache serves a layer, through a decorator too") {
  TestOptions o;
  const Subject subject = hybrid_of(alternating(), {o.string("attention", "tiny_offload")});
  FullHost host;
  const CacheHarness harness(subject, host, 1);
  CHECK(holder(harness, 0) == "sliding_window");
  CHECK(holder(harness, 1) == "tiny_offload");
  CHECK(holder(harness, 4) == "");
  const auto *parts =
      static_cast<const kvern_parts_1 *>(harness.ops().get_extension(harness.cache, KVERN_PARTS_1));
  const kvern_cache *outer = parts->part(parts->ctx, 1);
  const auto *inner = static_cast<const kvern_parts_1 *>(outer->ops->get_extension(outer, KVERN_PARTS_1));
  REQUIRE(inner);
  CHECK(std::string(inner->part(inner->ctx, 1)->ops->plugin->name) == "dynamic");
}

TEST_CASE("hybrid takes tokens back in all caches or in none") {
  const Subject subject = hybrid_of({attention_layer(), attention_layer(6)}, {});
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness, 200);
  const int64_t rollback = harness.info().rollback;
  REQUIRE(rollback >= 0);
  REQUIRE(rollback < 100);
  std::vector<int64_t> far;
  for (const Row &row : harness.rows) far.push_back(row.next() - rollback - 1);
  CHECK(harness.truncate(far) == KVERN_UNSUPPORTED);
  for (int i = 0; i < 3; ++i) CHECK(harness.step(1) == Outcome::done);
}

TEST_CASE("A saved hybrid is read only by one that divides the layers in the same way") {
  TestOptions o;
  const Subject by_kind = hybrid_of(alternating(), {}),
                one_cache = hybrid_of(alternating(), {o.string("window", "dynamic")}),
                other =
                    hybrid_of(alternating(), {o.string("attention", "static"),
                                              o.table("attention_config", {o.integer("max_cache_len", 60)})});
  FullHost host;
  CacheHarness a(by_kind, host, 1), b(one_cache, host, 1), c(other, host, 1);
  feed_tokens(a, 9);
  std::string message;
  CHECK(b.load(a.save(), &message) == KVERN_BAD_DATA);
  CHECK_THAT(message, Catch::Contains("cache of a layer"));
  CHECK(c.load(a.save(), &message) == KVERN_BAD_DATA);
  CHECK_THAT(message, Catch::Contains("dynamic") && Catch::Contains("static"));
  CHECK(a.append(b) == KVERN_INVALID_ARGUMENT);
}
