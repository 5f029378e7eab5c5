#include <list>

#include "tests/conformance/check_rules.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

std::vector<kvern_layer> mixed() {
  return {state_layer(), attention_layer(), state_layer(), attention_layer()};
}

/// The cache, with another one for the layers with keys.
class MambaSubject {
 public:
  explicit MambaSubject(std::vector<kvern_layer> layers, const char *attention = nullptr) {
    subject = subject_of("mamba", std::move(layers));
    if (attention) add("attention", KVERN_STRING).s = attention;
  }
  MambaSubject &attention_option(const char *key, int64_t value) {
    kvern_option &option = make(key, KVERN_INT);
    option.i = value;
    items_.push_back(&option);
    kvern_option &table = add("attention_config", KVERN_TABLE);
    table.items = items_.data();
    table.n_items = static_cast<uint32_t>(items_.size());
    return *this;
  }

  Subject subject;

 private:
  kvern_option &make(const char *key, int32_t type) {
    kvern_option &option = options_.emplace_back();
    option.struct_size = sizeof option;
    option.type = type;
    option.key = key;
    return option;
  }
  kvern_option &add(const char *key, int32_t type) {
    kvern_option &option = make(key, type);
    subject.options.push_back(&option);
    return option;
  }
  std::list<kvern_option> options_;
  std::vector<const kvern_option *> items_;
};

Done run(const Subject &subject, uint64_t seeds = 16) {
  Done done;
  for (uint64_t seed = 0; seed < seeds; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 40, done));
  for (const char *verb : {"gather", "clone", "append", "save and load", "reset", "partial end", "end by row",
                           "aborted between layers", "state"}) {
    INFO(verb);
    CHECK(done[verb] > 0);
  }
  return done;
}

}  // namespace

TEST_CASE("mamba keeps every rule of the contract, alone and beside layers with keys") {
  check_rules(MambaSubject({state_layer(), state_layer()}).subject);
  check_rules(MambaSubject(mixed()).subject);
  check_rules(MambaSubject({attention_layer(), state_layer()}).subject);
}

TEST_CASE("mamba gives the states of the whole history, whatever is done to it") {
  run(MambaSubject({state_layer(), state_layer()}).subject);
  run(MambaSubject(mixed()).subject);
}

TEST_CASE("mamba holds the layers with keys in any other cache") {
  run(MambaSubject(mixed(), "dynamic").subject);
  MambaSubject fixed(mixed(), "static");
  fixed.attention_option("max_cache_len", 80);
  run(fixed.subject);
  MambaSubject window({state_layer(), attention_layer(6), state_layer()}, "sliding_window");
  run(window.subject);
  MambaSubject packed(mixed(), "quantized");
  packed.attention_option("nbits", 8);
  packed.subject.tolerance = 0.05;
  Done done;
  for (uint64_t seed = 0; seed < 8; ++seed) CHECK_NOTHROW(random_operations(packed.subject, seed, 40, done));
  CHECK(done["state"] > 0);
}

TEST_CASE("mamba beside a cache that keeps no keys begins with the whole text in every step") {
  MambaSubject made(mixed(), "none");
  made.subject.recompute = true;
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows.assign(2, Row{});
  for (const int64_t n : {4, 1, 3}) {
    REQUIRE(harness.step(n) == Outcome::done);
    CHECK(harness.info().tokens == 0);
  }
  CHECK(harness.counts.state == 6);
}

TEST_CASE("A tentative step of 5 tokens keeps 3, in each row as many as are accepted") {
  MambaSubject made({state_layer(), attention_layer()});
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows.assign(2, Row{});
  REQUIRE(harness.step(4) == Outcome::done);
  REQUIRE(harness.step({{5, 5}, 3, {}, -1, 0, {}}) == Outcome::done);
  CHECK(harness.info().tokens == 7);
  REQUIRE(harness.step({{5, 5}, StepPlan::kAll, {3, 0}, -1, 0, {}}) == Outcome::done);
  CHECK(harness.info().tokens == 10);
  CHECK(harness.step(1) == Outcome::done);
}

TEST_CASE("mamba takes nothing back that it has kept, and says so") {
  MambaSubject made({state_layer()});
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  feed_tokens(harness, 6);
  CHECK(harness.info().rollback == 0);
  CHECK(harness.truncate({6, 6}) == KVERN_OK);
  CHECK(harness.truncate({6, 5}) == KVERN_UNSUPPORTED);
  CHECK_THAT(std::string(harness.error.message),
             Catch::Contains("row 1 holds 6 tokens") && Catch::Contains("tentative step"));
  CHECK(harness.step(1) == Outcome::done);
}

TEST_CASE("The memory of states does not grow with the text") {
  MambaSubject made({state_layer(), state_layer()});
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows.assign(1, Row{});
  REQUIRE(harness.step(10) == Outcome::done);
  const int64_t bytes = host.live_bytes();
  CHECK(bytes == int64_t{2} * 2 * kStateDim * 4);
  CHECK(harness.info().bytes_used == bytes / 2);
  REQUIRE(harness.step(500) == Outcome::done);
  for (int i = 0; i < 50; ++i) REQUIRE(harness.step(1) == Outcome::done);
  CHECK(host.live_bytes() == bytes);
  CHECK(harness.info().tokens == 560);
}

TEST_CASE("What the cache of the layers with keys refuses is refused with its reason") {
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(MambaSubject(mixed(), "sliding_window").subject, host, &cache, &message) ==
        KVERN_UNSUPPORTED);
  CHECK_THAT(message, Catch::Contains("layer 1"));
  CHECK(make_cache(MambaSubject(mixed(), "nowhere").subject, host, &cache, &message) ==
        KVERN_INVALID_ARGUMENT);
  CHECK_THAT(message, Catch::Contains("nowhere"));
  CHECK(make_cache(MambaSubject({state_layer(), layer_of_kind(KVERN_LAYER_CROSS)}).subject, host, &cache,
                   &message) == KVERN_UNSUPPORTED);
  CHECK_THAT(message, Catch::Contains("encoder"));
  CHECK(host.live_buffers() == 0);
}

TEST_CASE("Without states tokens are taken back as in the cache of the keys") {
  const Subject subject = subject_of("mamba", {attention_layer(), attention_layer()});
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness, 9);
  REQUIRE(harness.truncate({harness.rows[0].next() - 3, harness.rows[1].next() - 1}) == KVERN_OK);
  CHECK(harness.step(2) == Outcome::done);
}
