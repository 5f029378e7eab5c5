// The two halves as one cache: every verb on both, whatever caches they are.
#include "tests/conformance/check_rules.hpp"
#include "check/config.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

std::vector<kvern_layer> decoder_layers() {
  return {attention_layer(), layer_of_kind(KVERN_LAYER_CROSS), attention_layer(),
          layer_of_kind(KVERN_LAYER_CROSS)};
}

/// encoder_decoder with the options it is made with.
class Halves {
 public:
  Halves(const char *self, const char *cross) : Halves(self, {}, cross, {}) {}
  Halves(const char *self, std::vector<const kvern_option *> self_config, const char *cross,
         std::vector<const kvern_option *> cross_config) {
    subject = subject_of("encoder_decoder", decoder_layers());
    subject.row_cross = true;
    subject.options = {config_.string("self_attention", self),
                       config_.table("self_attention_config", std::move(self_config)),
                       config_.string("cross_attention", cross),
                       config_.table("cross_attention_config", std::move(cross_config))};
  }

  static const kvern_option *integer(const char *key, int64_t value) {
    static Config made;
    return made.integer(key, value);
  }

  Subject subject;

 private:
  Config config_;
};

Done run(const Subject &subject, int seeds = 16) {
  Done done;
  for (uint64_t seed = 0; seed < static_cast<uint64_t>(seeds); ++seed)
    CHECK_NOTHROW(random_operations(subject, seed, 40, done));
  return done;
}

void check_all_verbs(Done done) {
  for (const char *verb :
       {"gather", "truncate", "clone", "append", "save and load", "reset", "partial end", "end by row",
        "aborted between layers", "encoder replaced", "encoder taken back"}) {
    INFO(verb);
    CHECK(done[verb] > 0);
  }
}

/// Packs all keys but the last 4, in 8 bits.
std::vector<const kvern_option *> packed() {
  return {Halves::integer("nbits", 8), Halves::integer("q_group_size", 16),
          Halves::integer("residual_length", 4)};
}

Row with_encoder(uint32_t seed, int64_t length) {
  Row row;
  row.encoder = seed;
  row.encoder_len = length;
  return row;
}

StepPlan first_step(std::size_t rows, int64_t n_cross) {
  return {std::vector<int64_t>(rows, 3), StepPlan::kAll, {}, -1, n_cross, {}};
}

}  // namespace

TEST_CASE("encoder_decoder of dynamic halves keeps every rule of the contract") {
  const Halves made("dynamic", "dynamic");
  check_rules(made.subject);
}

TEST_CASE("encoder_decoder offers every verb on both halves, with encoders of different lengths") {
  const Halves made("dynamic", "dynamic");
  check_all_verbs(run(made.subject));
}

TEST_CASE("A static cache serves either half") {
  const Halves made("static", {Halves::integer("max_cache_len", 60)}, "static",
                    {Halves::integer("max_cache_len", 40)});
  check_all_verbs(run(made.subject));
}

TEST_CASE("Halves of different caches are one cache") {
  const Halves fixed("dynamic", {}, "static", {Halves::integer("max_cache_len", 40)});
  check_all_verbs(run(fixed.subject));
  check_rules(fixed.subject);
}

TEST_CASE("A quantized cache serves either half") {
  Halves cross("dynamic", {}, "quantized", packed()), both("quantized", packed(), "quantized", packed());
  cross.subject.tolerance = both.subject.tolerance = 0.05;
  check_rules(cross.subject);
  check_all_verbs(run(both.subject));
}

TEST_CASE("Long encoders are packed, and attended to as they are packed") {
  Halves made("dynamic", {}, "quantized", packed());
  made.subject.tolerance = 0.05;
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows = {with_encoder(7, 200), with_encoder(9, 90)};
  for (const auto path : {StepPlan::Path::attend, StepPlan::Path::update, StepPlan::Path::attend}) {
    StepPlan plan = first_step(2, harness.rows[0].tokens.empty() ? 200 : 0);
    plan.path = path;
    REQUIRE(harness.step(plan) == Outcome::done);
  }
  CHECK(harness.counts.attend >= 4);
  const int64_t float32_bytes = 2 * 200 * (2 * 2 * 8 * 4);  // of two rows and a layer of two heads of 8
  CHECK(harness.info(1).bytes_used < float32_bytes * 2 / 3);
  REQUIRE(harness.gather({1, 0, 1}) == KVERN_OK);
  CHECK(harness.step(1) == Outcome::done);
}

TEST_CASE("Where the encoder's keys are not kept, nothing is, and every step brings all again") {
  Halves made("dynamic", "none");
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows = {with_encoder(7, 4), with_encoder(9, 2)};
  REQUIRE(harness.step(first_step(2, 4)) == Outcome::done);
  CHECK(harness.info().tokens == 0);
  CHECK(harness.info().rows == 0);
  harness.rows = {with_encoder(7, 4), with_encoder(9, 2)};
  CHECK(harness.step(first_step(2, 4)) == Outcome::done);
}

TEST_CASE("Crop takes tokens of the decoder and leaves the encoder's keys") {
  const Halves made("dynamic", "dynamic");
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows = {with_encoder(7, 4)};
  REQUIRE(harness.step(first_step(1, 4)) == Outcome::done);
  const int64_t cross_bytes = harness.info(1).bytes_used;
  CHECK(cross_bytes > 0);
  REQUIRE(harness.truncate({1}) == KVERN_OK);
  CHECK(harness.info().tokens == 1);
  CHECK(harness.info(1).bytes_used == cross_bytes);
  CHECK(harness.step(2) == Outcome::done);
  REQUIRE(harness.truncate({0}) == KVERN_OK);  // of nothing no encoder is kept either
  CHECK(harness.info(1).bytes_used == 0);
}

TEST_CASE("A batch is split by clone and gather, and joined by append") {
  const Halves made("dynamic", "dynamic");
  FullHost host;
  CacheHarness harness(made.subject, host, 1);
  harness.rows = {with_encoder(7, 4), with_encoder(9, 2), with_encoder(11, 3)};
  REQUIRE(harness.step(first_step(3, 4)) == Outcome::done);
  auto second = harness.clone();
  REQUIRE(second);
  REQUIRE(harness.gather({0}) == KVERN_OK);
  REQUIRE(second->gather({1, 2}) == KVERN_OK);
  CHECK(harness.step(2) == Outcome::done);
  CHECK(second->step(1) == Outcome::done);
  REQUIRE(harness.append(*second) == KVERN_OK);
  CHECK(harness.info().rows == 3);
  CHECK(harness.step(1) == Outcome::done);
  REQUIRE(harness.gather({2, 2, 0, 0, 1, 1}) == KVERN_OK);  // repeat and reorder
  CHECK(harness.step(1) == Outcome::done);
}

TEST_CASE("A model without an encoder is refused, and an inner cache that is not there is named") {
  Halves made("quantized", "dynamic");
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  made.subject.layers = {attention_layer()};
  CHECK(make_cache(made.subject, host, &cache, &message) == KVERN_UNSUPPORTED);
  CHECK(message == "the model has no cross-attention: use the cache 'quantized' itself");
  Halves unknown("dynamic", "nowhere");
  CHECK(make_cache(unknown.subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK(message.find("nowhere") != std::string::npos);
  CHECK(host.live_buffers() == 0);
}
