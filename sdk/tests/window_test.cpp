#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/retention/window.hpp>

#include "tests/conformance/check_rules.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

namespace sdk = kvern::sdk;

/// Each layer keeps its own window.
class Windowed : public sdk::KeyCache<sdk::Dense, sdk::Window> {
 public:
  static constexpr const char *name = "windowed", *version = "1", *summary = "for a test of Window";
  explicit Windowed(const sdk::Create &create)
      : KeyCache(create, {}, [](int, const sdk::Layer &layer) { return sdk::Window{layer.window}; }) {}
  std::unique_ptr<Windowed> clone() const { return std::unique_ptr<Windowed>(new Windowed(*this)); }

 private:
  Windowed(const Windowed &) = default;
};

/// Its limit leaves no room for the tokens that wait to be dropped together.
struct Narrow : sdk::Window {
  int64_t limit(const sdk::Slots &, const sdk::Step &) const { return length - 1; }
  bool operator==(const Narrow &) const = default;
};

class Overfull : public sdk::KeyCache<sdk::Dense, Narrow> {
 public:
  static constexpr const char *name = "overfull", *version = "1", *summary = "for a test of LayerStorage";
  explicit Overfull(const sdk::Create &create)
      : KeyCache(create, {}, [](int, const sdk::Layer &layer) { return Narrow{{layer.window}}; }) {}
  std::unique_ptr<Overfull> clone() const { return std::unique_ptr<Overfull>(new Overfull(*this)); }

 private:
  Overfull(const Overfull &) = default;
};

Subject windowed(std::vector<int32_t> windows) {
  Subject subject;
  subject.name = "windowed";
  subject.plugin = sdk::detail::plugin_table<Windowed>();
  for (const int32_t window : windows) subject.layers.push_back(attention_layer(window));
  return subject;
}

StepPlan plan_of(std::vector<int64_t> new_tokens) {
  return {std::move(new_tokens), StepPlan::kAll, {}, -1, 0, {}};
}

}  // namespace

TEST_CASE(
    "A window keeps every rule, in groups of layers with equal windows, before and after it drops tokens") {
  Subject subject = windowed({6, 9, 6});
  check_rules(subject);
  subject.first_tokens = 40;
  check_rules(subject);
}

TEST_CASE("A window gives the answers of the whole history under a window mask, whatever is done to it") {
  for (const int64_t first : {0, 40}) {
    for (const std::vector<int32_t> &windows : {std::vector<int32_t>{6, 20}, {1}, {2, 70}}) {
      Subject subject = windowed(windows);
      subject.first_tokens = first;
      Done done;
      for (uint64_t seed = 0; seed < 24; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 50, done));
      for (const char *verb :
           {"gather", "truncate", "clone", "append", "save and load", "reset", "partial end", "end by row",
            "aborted between layers", "begin out of memory"}) {
        INFO(verb);
        CHECK(done[verb] > 0);
      }
    }
  }
}

TEST_CASE(
    "A prompt shorter than the window, equal and longer, in chunks that cross its edge, is seen through the "
    "mask") {
  for (const int64_t prompt : {3, 7, 8, 9, 60}) {
    for (const int64_t chunk : {1, 5, 8, 13, 60}) {
      const Subject subject = windowed({8});
      FullHost host;
      CacheHarness harness(subject, host, 1);
      harness.rows.assign(2, Row{});
      harness.rows[1].pad = 2;
      for (int64_t at = 0; at < prompt; at += chunk)
        REQUIRE(harness.step(std::min(chunk, prompt - at)) == Outcome::done);
      for (int i = 0; i < 40; ++i) REQUIRE(harness.step(1) == Outcome::done);
    }
  }
}

TEST_CASE("A window holds the same memory at every length, also after a prompt in one step") {
  const Subject subject = windowed({64});
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(1, Row{});
  REQUIRE(harness.step(1000) == Outcome::done);
  const int64_t slot = int64_t{2} * 2 * 8 * 4;
  CHECK(harness.info().bytes_device <= (63 + 32) * slot);
  CHECK(harness.info().tokens == 1000);
  for (int i = 0; i < 10; ++i) REQUIRE(harness.step(30) == Outcome::done);
  for (int i = 0; i < 100; ++i) REQUIRE(harness.step(1) == Outcome::done);
  CHECK(host.live_bytes() <= (63 + 32) * slot);
}

TEST_CASE(
    "Of a window only tokens whose predecessors are still held can be taken back; the rest is refused") {
  const Subject subject = windowed({64});
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(1, Row{});
  harness.step(30);
  CHECK(harness.info().rollback == -1);
  for (int i = 0; i < 45; ++i) harness.step(1);
  CHECK(harness.info().rollback == -1);  // position 0 is still held
  for (int i = 0; i < 10; ++i) harness.step(1);
  const int64_t rollback = harness.info().rollback;
  REQUIRE(rollback >= 0);
  CHECK(harness.truncate({harness.rows[0].next() - rollback - 1}) == KVERN_UNSUPPORTED);
  CHECK(std::string(harness.error.message).find(std::to_string(rollback)) != std::string::npos);
  REQUIRE(harness.truncate({harness.rows[0].next() - rollback}) == KVERN_OK);
  for (int i = 0; i < 70; ++i) REQUIRE(harness.step(1) == Outcome::done);
}

TEST_CASE("A row that stands still keeps its window while another goes on") {
  const Subject subject = windowed({6});
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(2, Row{});
  REQUIRE(harness.step(10) == Outcome::done);
  for (int i = 0; i < 60; ++i) REQUIRE(harness.step(plan_of({1, 0})) == Outcome::done);
  for (int i = 0; i < 60; ++i) REQUIRE(harness.step(plan_of({1, 1})) == Outcome::done);
  CHECK(harness.info().bytes_used <= (5 + 16) * 2 * int64_t{2} * 2 * 8 * 4);
}

TEST_CASE("A retention that keeps more than its limit says is an internal error, not an overrun") {
  Subject subject = windowed({64});
  subject.name = "overfull";
  subject.plugin = sdk::detail::plugin_table<Overfull>();
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(1, Row{});
  REQUIRE(harness.step(200) == Outcome::done);
  const auto go_on = [&] {
    for (int i = 0; i < 16; ++i) harness.step(1);
  };
  CHECK_THROWS_WITH(go_on(), Catch::Contains("the retention keeps"));
}
