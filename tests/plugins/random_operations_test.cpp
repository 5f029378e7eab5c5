// Random sequences of all verbs for every plugin, compared with attention over the whole history.
#include "check/config.hpp"
#include "check/random_operations.hpp"

#include <cstdlib>
#include <thread>

#include "tests/support/test.hpp"

using namespace kvern::conformance;

namespace {

Subject subject(const std::string &name, std::vector<kvern_layer> layers) {
  Subject subject;
  subject.name = name;
  subject.plugin = built_plugin(name);
  subject.layers = std::move(layers);
  return subject;
}

// A sanitizer's build takes ten times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 8;
#else
constexpr uint64_t kSeeds = 24;
#endif

/// KVERN_RANDOM_SEEDS: more of them, for a long run by hand.
uint64_t seeds() {
  const char *wanted = std::getenv("KVERN_RANDOM_SEEDS");
  return wanted ? std::strtoull(wanted, nullptr, 10) : kSeeds;
}

Done run(const Subject &subject, int length = 40, uint64_t sequences = seeds()) {
  Done done;
  for (uint64_t seed = 0; seed < sequences; ++seed) {
    INFO(subject.name << ", seed " << seed);
    CHECK_NOTHROW(random_operations(subject, seed, length, done));
  }
  CHECK(done["elements"] > 10000);
  return done;
}

void require_all(Done &done, std::initializer_list<const char *> what) {
  for (const char *thing : what) {
    INFO(thing << " was never done");
    CHECK(done[thing] > 0);
  }
}

}  // namespace

TEST_CASE("dynamic keeps every token through random sequences of all verbs") {
  Done done = run(subject("dynamic", {attention_layer(), attention_layer(), attention_layer()}));
  require_all(done, {"begin out of memory", "aborted", "aborted between layers", "partial end", "end by row",
                     "gather", "gather out of memory", "truncate", "clone", "append", "append out of memory",
                     "save and load", "reset"});
}

TEST_CASE("dynamic serves windowed layers, layers that share keys, and values that lie in keys") {
  kvern_layer shared = attention_layer();
  shared.kind = KVERN_LAYER_NONE;
  shared.shares_layer = 0;
  run(subject("dynamic", {attention_layer(6), shared, attention_layer(), latent_layer()}));
}

TEST_CASE("static keeps every token until it is full") {
  Subject s = subject("static", {attention_layer(), attention_layer()});
  s.max_tokens = 40;
  Done done = run(s);
  require_all(done,
              {"full", "begin out of memory", "gather", "append", "clone", "save and load", "end by row"});
}

TEST_CASE("quantized keeps every token within the error of 8 bits through random sequences of all verbs") {
  Subject s = subject("quantized", {attention_layer(), attention_layer(20), latent_layer()});
  Config config;
  for (const auto &[key, value] : {std::pair{"nbits", 8},
                                   {"residual_length", 0},
                                   {"axis_key", 1},
                                   {"axis_value", 1},
                                   {"q_group_size", 32}})
    s.options.push_back(config.integer(key, value));
  s.first_tokens = 130;
  s.tolerance = 0.03;
  Done done = run(s, 30);
  require_all(done, {"begin out of memory", "aborted", "aborted between layers", "partial end", "end by row",
                     "gather", "gather out of memory", "truncate", "clone", "append", "append out of memory",
                     "save and load", "reset", "attend", "update"});
}

TEST_CASE("paged and batching keep every token through random sequences of all verbs") {
  for (const char *name : {"paged", "batching"}) {
    kvern_layer narrow = attention_layer();
    narrow.head_dim_v = 12;
    Subject s = subject(name, {attention_layer(6), attention_layer(), latent_layer(), narrow});
    s.max_tokens = 500;
    Done done = run(s, 60);
    require_all(done,
                {"begin out of memory", "aborted", "aborted between layers", "partial end", "end by row",
                 "gather", "truncate", "clone", "append", "save and load", "reset", "attend", "update"});
  }
}

#if !defined(__SANITIZE_THREAD__)  // which takes minutes for this one thread
TEST_CASE("blocks of paged keep every token where they share a memory, leave it and join again") {
  Subject s = subject("paged", {attention_layer(6), attention_layer(), latent_layer()});
  Config config;
  s.options.push_back(config.integer("block_size", 32));
  s.first_tokens = 700;
  s.max_tokens = 1500;
  Done done = run(s, 40, 3);  // each compares hundreds of tokens with hundreds
  require_all(done, {"begin out of memory", "aborted", "aborted between layers", "partial end", "end by row",
                     "gather", "truncate", "clone", "append", "save and load", "reset", "attend", "update"});
}
#endif

TEST_CASE("none gives the same answers, fed all tokens in every step") {
  Subject s = subject("none", {attention_layer(), attention_layer()});
  s.recompute = true;
  run(s, 20);
}

TEST_CASE("caches on different threads do not touch each other") {
  const Subject dynamic = subject("dynamic", {attention_layer(), attention_layer()});
  Done done[2];
  std::string trouble[2];
  const auto work = [&](int number) {
    try {
      for (uint64_t seed = 0; seed < 4; ++seed) random_operations(dynamic, 100 + seed, 20, done[number]);
    } catch (const Violation &violation) {
      trouble[number] = violation.what();
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  CHECK(trouble[0] == "");
  CHECK(trouble[1] == "");
  CHECK(done[0]["elements"] == done[1]["elements"]);
}
