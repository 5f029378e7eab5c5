// Caches that are composed by their types, as docs/write-a-cache.md shows it.
#include <cstdlib>
#include <fstream>
#include <kvern/sdk/layer_cache.hpp>
#include <kvern/sdk/offload/offloaded.hpp>
#include <sstream>

#include "check/config.hpp"
#include "check/probe.hpp"
#include "check/random_operations.hpp"
#include "sdk/examples/last_tokens.cpp"
#define kvern_plugin_entry other_plugin_entry
#include "sdk/examples/two_bits.cpp"
#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

namespace {

#define IN_DOCS sdk::Offloaded<sdk::PackedCache<FourLevels, sdk::Window>>
#define TEXT_OF(...) #__VA_ARGS__
#define TEXT(macro) TEXT_OF(macro)

template <class C>
Subject subject_of_class(const SubjectOptions &options = {}) {
  const kvern_plugin &plugin = *sdk::detail::plugin_table<C>();
  return subject_of(find_facts(plugin, options), plugin, "", options);
}

SubjectOptions rounding(double tolerance, std::vector<const kvern_option *> options = {}) {
  SubjectOptions made;
  made.tolerance = tolerance;
  made.options = std::move(options);
  return made;
}

/// FourLevels that takes the number of levels and a window of its own as options.
struct Levels {
  static constexpr const char *name = "levels", *version = "1.0.0", *summary = "for a test of PackedCache";
  static std::vector<sdk::Option> options() {
    return {sdk::integer_option("levels", 256), sdk::integer_option("window_length", 4)};
  }
  static sdk::Window retention(const sdk::Create &create, const sdk::Layer &layer) {
    const int64_t length = create.options.integer("window_length", 1);
    return {layer.window > 0 ? std::max<int64_t>(layer.window, length) : int64_t{1} << 30};
  }
  explicit Levels(const sdk::Create &create) : last(create.options.integer("levels", 2, 256) - 1) {}

  int64_t bytes(int64_t dim) const { return dim; }
  void pack(std::span<const float> x, std::byte *to) const {
    for (std::size_t d = 0; d < x.size(); ++d)
      to[d] = static_cast<std::byte>(
          std::lround((std::clamp(x[d], -2.0f, 2.0f) + 2) / 4 * static_cast<float>(last)));
  }
  void unpack(const std::byte *from, std::span<float> x) const {
    for (std::size_t d = 0; d < x.size(); ++d)
      x[d] = static_cast<float>(from[d]) / static_cast<float>(last) * 4 - 2;
  }
  int64_t last;
};

struct Kept : sdk::DenseLayer {
  static constexpr const char *name = "kept", *version = "1.0.0", *summary = "keeps every token";
  static constexpr bool runs_on_device = true;
  using DenseLayer::DenseLayer;
};

}  // namespace

TEST_CASE("the composition that the docs show is a cache that keeps every rule") {
  std::ifstream in(std::string(std::getenv("KVERN_SOURCE_DIR")) + "/docs/write-a-cache.md");
  std::stringstream page;
  page << in.rdbuf();
  CHECK_THAT(page.str(), Catch::Contains("KVERN_PLUGIN(" TEXT(IN_DOCS) ")"));
  check_rules(subject_of_class<IN_DOCS>(rounding(0.6)));
}

TEST_CASE("a window of the layers is a retention that needs no more than its name") {
  const auto held_by = [](int32_t window) {
    Subject subject = subject_of_class<sdk::PackedCache<FourLevels, sdk::Window>>(rounding(0.6));
    subject.layers = {attention_layer(window)};
    FullHost host;
    CacheHarness harness(subject, host, 1);
    harness.rows.assign(1, Row{});
    for (const int64_t n : {200, 1, 1, 1}) REQUIRE(harness.step(n) == Outcome::done);
    return harness.info(0).bytes_used;
  };
  CHECK(held_by(6) < held_by(0) / 3);
}

TEST_CASE("a codec has options, and says what is kept") {
  Config config;
  using Cache = sdk::PackedCache<Levels, sdk::Window>;
  CHECK(sdk::detail::plugin_table<Cache>()->n_options == 2);
  check_rules(subject_of_class<Cache>(rounding(0.05)));
  const auto subject = [&](int64_t window) {
    Subject made = subject_of_class<Cache>(
        rounding(0.9, {config.integer("levels", 4), config.integer("window_length", window)}));
    made.layers = {attention_layer(6)};
    return made;
  };
  FullHost host;
  const Subject small = subject(4), large = subject(100);
  CacheHarness a(small, host, 1), b(large, host, 1);
  for (CacheHarness *harness : {&a, &b}) {
    harness->rows.assign(1, Row{});
    for (int i = 0; i < 60; ++i) REQUIRE(harness->step(1) == Outcome::done);
  }
  CHECK(a.info(0).bytes_used < b.info(0).bytes_used);
}

TEST_CASE("an offloaded cache class keeps every rule, on a device too, whatever is inside") {
  Config config;
  const Subject kept = subject_of_class<sdk::Offloaded<sdk::LayerCache<Kept>>>();
  SubjectOptions window;
  window.options = {config.integer("window_length", 4)};
  const Subject last = subject_of_class<sdk::Offloaded<LastTokens>>(window);
  for (const Subject *subject : {&kept, &last}) {
    INFO(subject->name);
    CHECK(subject->device);
    check_rules(*subject);
    Done done;
    for (uint64_t seed = 0; seed < 3; ++seed)
      random_operations_on_device(*subject, {seed, static_cast<int>(seed) * 50}, 30, done);
    CHECK(done["steps"] > 20);
  }
}
