// That the contract has what beam search with shared blocks, encoder-decoder models, offloading, composition by layer,
// re-rotation, merged attention and recurrent states need: throw-away plugins (proof/) through rules and random operations.
#include <algorithm>

#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

Done run(const Subject &subject, uint64_t seeds = 12) {
  Done done;
  for (uint64_t seed = 0; seed < seeds; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 30, done));
  CHECK(done["elements"] > 1000);
  return done;
}

std::vector<kvern_layer> three() { return {attention_layer(), attention_layer(), attention_layer()}; }

Subject sink_subject() {
  Subject subject = subject_of("tiny_sink", {attention_layer(), attention_layer()});
  subject.semantics = {2, 9};
  return subject;
}

Subject offloaded(const char *inner, std::vector<kvern_layer> layers, Config &config) {
  Subject subject = subject_of("tiny_offload", std::move(layers));
  subject.name = std::string("tiny_offload of ") + inner;
  subject.options = {config.string("inner", inner)};
  return subject;
}

}  // namespace

TEST_CASE("rows of shared, counted blocks keep the rules") {
  const Subject subject = subject_of("tiny_paged", three());
  check_rules(subject);
  Done done = run(subject);
  CHECK(done["gather"] > 0);
  CHECK(done["clone"] > 0);
}

TEST_CASE("beam search on shared blocks copies one block a beam at most") {
  const Subject subject = subject_of("tiny_paged", {attention_layer()});
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(1, Row{});
  harness.step(40);
  const int64_t before = host.allocations();
  REQUIRE(harness.gather({0, 0, 0, 0}) == KVERN_OK);
  CHECK(host.allocations() == before);
  harness.step(1);
  // a block for each of four beams, keys and values, and the dense copy for update
  CHECK(host.allocations() <= before + 4 * 2 + 2);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(harness.gather({1, 1, 0, 3}) == KVERN_OK);
    CHECK(harness.step(1) == Outcome::done);
  }
}

TEST_CASE("attention in pieces merged by their log-sum-exp gives the whole") {
  const Subject subject =
      subject_of("tiny_pieces", {attention_layer(), attention_layer(6), attention_layer()});
  check_rules(subject);
  Done done = run(subject);
  CHECK(done["attend"] > 50);
}

TEST_CASE("a sink that turns its keys again sees them at positions counted inside its window") {
  check_rules(sink_subject());
  run(sink_subject());
}

TEST_CASE("a decorator moves the memory of any cache") {
  Config config;
  check_rules(offloaded("dynamic", three(), config));
  run(offloaded("dynamic", three(), config));
  run(offloaded("tiny_paged", three(), config));
  run(offloaded("tiny_pieces", three(), config));
  Subject fixed = offloaded("static", three(), config);
  fixed.max_tokens = 60;
  run(fixed);
  Subject sink = offloaded("tiny_sink", three(), config);
  sink.semantics = {2, 9};
  run(sink);
  Subject twice = offloaded("tiny_offload", three(), config);
  twice.options.push_back(config.table("inner_config", {config.string("inner", "dynamic")}));
  run(twice);
}

TEST_CASE("a decorator offers what its inner cache offers, no more") {
  Config config;
  FullHost host;
  CacheHarness dynamic(offloaded("dynamic", three(), config), host, 1),
      paged(offloaded("tiny_paged", three(), config), host, 1);
  CHECK(dynamic.ops().append);
  CHECK(dynamic.ops().save);
  CHECK_FALSE(dynamic.ops().attend);
  CHECK_FALSE(paged.ops().append);
  CHECK_FALSE(paged.ops().save);
  CHECK(paged.ops().gather);
}

TEST_CASE("an inner cache that is not there, or an option it does not have, is named by create") {
  Config config;
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(offloaded("nowhere", three(), config), host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK(message.find("nowhere") != std::string::npos);
  Subject subject = offloaded("dynamic", three(), config);
  subject.options.push_back(config.table("inner_config", {config.string("nothing", "x")}));
  CHECK(make_cache(subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK(host.live_buffers() == 0);
}

TEST_CASE("each kind of layer in a cache of its own keeps the rules") {
  Config config;
  Subject subject = subject_of(
      "tiny_hybrid", {attention_layer(6), attention_layer(), attention_layer(6), attention_layer()});
  subject.options = {config.string("window", "tiny_pieces")};
  check_rules(subject);
  run(subject);
  subject.options = {config.string("full", "tiny_paged"), config.string("window", "tiny_offload")};
  run(subject);
}

TEST_CASE("recurrent layers beside attention layers take steps back, and keep a part of a tentative one") {
  const Subject subject = subject_of("tiny_hybrid", {state_layer(), attention_layer(), state_layer()});
  Done done = run(subject);
  CHECK(done["state"] > 100);
  CHECK(done["partial end"] > 0);
  CHECK(done["end by row"] > 0);
  CHECK(done["aborted"] > 0);
  Config config;
  Subject moved = offloaded("tiny_hybrid", subject.layers, config);
  run(moved);
}

TEST_CASE(
    "an encoder's keys come once, are read ever after, and are taken back with the step that brought them") {
  const kvern_layer cross = layer_of_kind(KVERN_LAYER_CROSS);
  const Subject subject = subject_of("tiny_hybrid", {attention_layer(), cross, attention_layer(), cross});
  Done done = run(subject, 24);
  CHECK(done["encoder taken back"] > 0);
  CHECK(done["encoder replaced"] > 0);
  Config config;
  run(offloaded("tiny_hybrid", subject.layers, config));
}
