#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/retention/sinks.hpp>

#include "tests/conformance/check_rules.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

namespace sdk = kvern::sdk;

/// Sinks at the text's positions. The queries of one step see other keys each: steps of several tokens end where one of them
/// would lose a key.
template <int64_t kLength, int64_t kSinks>
class Sinking : public sdk::KeyCache<sdk::Dense, sdk::Sinks> {
 public:
  static constexpr const char *name = "sinking", *version = "1", *summary = "for a test of Sinks";
  explicit Sinking(const sdk::Create &create) : KeyCache(create, {}, sdk::Sinks{kLength, kSinks}) {}
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    for (int64_t row = 0; row < step().rows && out_k; ++row) {
      if (step().row_new[row] > 1 && step().row_pos[row] + step().row_new[row] > kLength)
        sdk::fail(KVERN_UNSUPPORTED, "one token at a time");
    }
    KeyCache::update(layer, k, v, out_k, out_v);
  }
  std::unique_ptr<Sinking> clone() const { return std::unique_ptr<Sinking>(new Sinking(*this)); }

 private:
  Sinking(const Sinking &) = default;
};

template <int64_t kLength, int64_t kSinks>
Subject sinking() {
  Subject subject;
  subject.name = "sinking";
  subject.plugin = sdk::detail::plugin_table<Sinking<kLength, kSinks>>();
  subject.layers = {attention_layer(), attention_layer()};
  subject.semantics.sink_tokens = kSinks;
  subject.semantics.sink_window = kLength;
  subject.semantics.absolute = true;
  return subject;
}

void keeps_its_promises(Subject subject) {
  for (const int64_t first : {0, 40}) {
    subject.first_tokens = first;
    check_rules(subject);
    Done done;
    for (uint64_t seed = 0; seed < 16; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 50, done));
    for (const char *verb : {"gather", "truncate", "clone", "append", "save and load", "reset"}) {
      INFO(verb);
      CHECK(done[verb] > 0);
    }
  }
}

}  // namespace

TEST_CASE("Sinks keep every rule and see the first and the recent tokens, whatever is done to them") {
  keeps_its_promises(sinking<9, 2>());
  keeps_its_promises(sinking<12, 0>());
  keeps_its_promises(sinking<6, 5>());
}

TEST_CASE("Sinks hold the same memory at every length, also after a prompt in one step") {
  const Subject subject = sinking<64, 4>();
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(2, Row{});
  harness.rows[1].pad = 3;
  StepPlan store_only{{500, 500}, StepPlan::kAll, {}, -1, 0, {}};
  REQUIRE(harness.step_or_single(store_only) == Outcome::done);
  const int64_t slot = int64_t{2} * 2 * 2 * 2 * 8 * 4, bytes = host.live_bytes();
  CHECK(bytes <= (3 + 64 + 32) * slot * 3 / 2);
  for (int i = 0; i < 300; ++i) REQUIRE(harness.step(1) == Outcome::done);
  CHECK(host.live_bytes() == bytes);
  CHECK(harness.info().rollback >= 0);
  CHECK(harness.truncate({0, 0}) == KVERN_UNSUPPORTED);
}
