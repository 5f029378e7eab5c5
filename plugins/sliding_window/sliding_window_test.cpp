#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

/// The cache with the options it is made with.
class WindowSubject {
 public:
  explicit WindowSubject(std::vector<kvern_layer> layers) {
    subject.name = "sliding_window";
    subject.plugin = built_plugin("sliding_window");
    subject.layers = std::move(layers);
  }
  WindowSubject &integer(const char *key, int64_t value) {
    subject.options.push_back(config_.integer(key, value));
    return *this;
  }
  WindowSubject &force() {
    subject.options.push_back(config_.boolean("force", true));
    return *this;
  }
  /// A window that the model does not have.
  WindowSubject &forced(int64_t length) {
    subject.semantics.window = length;
    return integer("window_length", length).force();
  }

  Subject subject;

 private:
  Config config_;
};

std::string refusal(const WindowSubject &made, kvern_status status) {
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(made.subject, host, &cache, &message) == status);
  return message;
}

Done run(const Subject &subject) {
  Done done;
  for (uint64_t seed = 0; seed < 16; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 40, done));
  for (const char *verb : {"gather", "truncate", "clone", "append", "save and load", "reset", "partial end",
                           "end by row", "aborted between layers"}) {
    INFO(verb);
    CHECK(done[verb] > 0);
  }
  return done;
}

/// Bytes of keys and values of one token in one layer of the tests.
constexpr int64_t kToken = int64_t{2} * 2 * 8 * 4;

}  // namespace

TEST_CASE("sliding_window keeps every rule of the contract, short of the window and beyond it") {
  WindowSubject made({attention_layer(6), attention_layer(12)});
  made.subject.device = true;
  check_rules(made.subject);
  made.subject.first_tokens = 40;
  check_rules(made.subject);
  made.subject.type = {kDLBfloat, 16, 1};
  made.subject.tolerance = 0.03;
  check_rules(made.subject);
}

TEST_CASE("sliding_window equals full attention under a window mask, whatever is done to it") {
  for (const int64_t first : {0, 30}) {
    WindowSubject made({attention_layer(6), attention_layer(12), attention_layer(6)});
    made.subject.first_tokens = first;
    run(made.subject);
  }
}

TEST_CASE("A forced window keeps every rule and masks layers that have none") {
  for (const int64_t first : {0, 30}) {
    WindowSubject made({attention_layer(), attention_layer(20)});
    made.forced(7);
    made.subject.first_tokens = first;
    made.subject.device = true;
    check_rules(made.subject);
    Done done = run(made.subject);
    CHECK(done["attend"] > 100);
  }
}

TEST_CASE("A row that waited while another one got more tokens than the window has goes on alone") {
  for (const int64_t length : {9, 64}) {
    WindowSubject made({attention_layer(), attention_layer()});
    made.forced(length);
    check_rules(made.subject);
  }
}

TEST_CASE("sliding_window serves layers that share keys, and values that lie in keys") {
  kvern_layer shared = attention_layer(6);
  shared.kind = KVERN_LAYER_NONE;
  shared.shares_layer = 0;
  WindowSubject made({attention_layer(6), shared, latent_layer(6)});
  made.subject.first_tokens = 30;
  run(made.subject);
}

TEST_CASE("sliding_window holds the same memory after 200 tokens and after 2000") {
  WindowSubject made({attention_layer(64)});
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows.assign(1, Row{});
  REQUIRE(harness.step(200) == Outcome::done);
  for (int i = 0; i < 40; ++i) REQUIRE(harness.step(1) == Outcome::done);
  const int64_t bytes = host.live_bytes();
  CHECK(bytes <= (64 + 32) * kToken);
  for (int i = 0; i < 6; ++i) REQUIRE(harness.step(300) == Outcome::done);
  for (int i = 0; i < 40; ++i) REQUIRE(harness.step(1) == Outcome::done);
  CHECK(host.live_bytes() == bytes);
  CHECK(harness.info().tokens == 2080);
}

TEST_CASE("A layer without a window is refused, unless a window is set and another model accepted") {
  WindowSubject full({attention_layer(6), attention_layer()});
  const std::string message = refusal(full, KVERN_UNSUPPORTED);
  CHECK_THAT(message,
             Catch::Contains("layer 1") && Catch::Contains("force = true") && Catch::Contains("dynamic"));
  full.integer("window_length", 6);
  CHECK_THAT(refusal(full, KVERN_UNSUPPORTED), Catch::Contains("layer 1"));
  full.force();
  FullHost host;
  CHECK_NOTHROW(CacheHarness(full.subject, host, 1));
  WindowSubject force_alone({attention_layer()});
  force_alone.force();
  CHECK_THAT(refusal(force_alone, KVERN_UNSUPPORTED), Catch::Contains("window_length"));
}

TEST_CASE("A window shorter than the layer's is another model, a longer one changes nothing") {
  WindowSubject shorter({attention_layer(8)}), longer({attention_layer(8)});
  shorter.integer("window_length", 4);
  CHECK_THAT(refusal(shorter, KVERN_UNSUPPORTED), Catch::Contains("layer 0 sees 8"));
  longer.integer("window_length", 100);
  longer.subject.first_tokens = 30;
  run(longer.subject);
}

TEST_CASE("A window of 0 or less is refused with the option's name") {
  for (const int64_t length : {0, -3}) {
    WindowSubject made({attention_layer(8)});
    made.integer("window_length", length);
    CHECK_THAT(refusal(made, KVERN_INVALID_ARGUMENT),
               Catch::Contains("window_length") && Catch::Contains("at least 1"));
  }
}

TEST_CASE("Caches with other windows are neither joined nor read from each other's files") {
  WindowSubject four({attention_layer()}), five({attention_layer()});
  four.forced(4);
  five.forced(5);
  FullHost host;
  CacheHarness a(four.subject, host, 1), b(five.subject, host, 2);
  feed_tokens(a, 9);
  feed_tokens(b, 9);
  CHECK(a.append(b) == KVERN_INVALID_ARGUMENT);
  std::string message;
  CHECK(a.load(b.save(), &message) == KVERN_BAD_DATA);
  CHECK_THAT(message, Catch::Contains("window_length"));
}
