#include "plugins/hybrid/testing/options.hpp"
#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;
using kvern::hybrid::TestOptions;
using Items = TestOptions::Items;

namespace {

/// Layers 0, 2 and 4 have a window, 1 and 3 none, 5 holds a state.
std::vector<kvern_layer> layers() {
  return {attention_layer(6), attention_layer(),   attention_layer(6),
          attention_layer(),  attention_layer(64), state_layer()};
}

std::string refusal(Items options, kvern_status status = KVERN_INVALID_ARGUMENT) {
  Subject subject = subject_of("hybrid", layers());
  subject.options = std::move(options);
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(subject, host, &cache, &message) == status);
  CHECK(host.live_buffers() == 0);
  return message;
}

/// The refusal of one entry for `dynamic`.
std::string refused_entry(TestOptions &o, Items selectors) {
  selectors.push_back(o.string("cache_implementation", "dynamic"));
  return refusal({o.string("state", "tiny_state"), o.entries({selectors})});
}

}  // namespace

TEST_CASE("Two entries for one layer are refused, with both entries and the layers") {
  TestOptions o;
  const std::string message = refusal(
      {o.entries({{o.string("kind", "sliding_attention"), o.string("cache_implementation", "dynamic")},
                  {o.integer("index", 1), o.string("cache_implementation", "dynamic")},
                  {o.string("range", "2-4"), o.string("cache_implementation", "static")}})});
  CHECK_THAT(message, Catch::Contains("entry 1 of cache_layers (kind = sliding_attention)") &&
                          Catch::Contains("entry 3 of cache_layers (range = 2-4)") &&
                          Catch::Contains("layers 2, 4"));
}

TEST_CASE("An index or a range beyond the model is refused with the layers that there are") {
  TestOptions o;
  CHECK_THAT(refused_entry(o, {o.integer("index", 6)}),
             Catch::Contains("layer 6") && Catch::Contains("layers 0 to 5"));
  CHECK_THAT(refused_entry(o, {o.integer("index", -1)}), Catch::Contains("layer -1"));
  CHECK_THAT(refused_entry(o, {o.string("range", "4-9")}), Catch::Contains("layer 9"));
  CHECK_THAT(refused_entry(o, {o.array("index", {o.integer("", 0), o.integer("", 7)})}),
             Catch::Contains("layer 7"));
}

TEST_CASE("A range that is reversed or is none is refused with what would be right") {
  TestOptions o;
  CHECK_THAT(refused_entry(o, {o.array("range", {o.integer("", 3), o.integer("", 1)})}),
             Catch::Contains("reversed") && Catch::Contains("\"1-3\""));
  for (const char *range : {"3", "a-b", "1-", "1-2x", ""})
    CHECK_THAT(refused_entry(o, {o.string("range", range)}), Catch::Contains("[0, 3]"));
  CHECK_THAT(refused_entry(o, {o.array("range", {o.integer("", 3)})}), Catch::Contains("[0, 3]"));
}

TEST_CASE("An entry without layers, without a cache, or with an unknown key or kind is refused") {
  TestOptions o;
  CHECK_THAT(refused_entry(o, {}), Catch::Contains("names no layers"));
  CHECK_THAT(refused_entry(o, {o.string("kind", "windowed")}),
             Catch::Contains("unknown kind") && Catch::Contains("window"));
  CHECK_THAT(refused_entry(o, {o.string("layer", "1")}),
             Catch::Contains("unknown key 'layer'") && Catch::Contains("index"));
  CHECK_THAT(refused_entry(o, {o.string("kind", "cross")}),
             Catch::Contains("fits no layer") && Catch::Contains("state: layer 5"));
  CHECK_THAT(refused_entry(o, {o.string("kind", "window"), o.integer("index", 1)}),
             Catch::Contains("fits no layer"));
  CHECK_THAT(refusal({o.entries({{o.integer("index", 1)}})}), Catch::Contains("cache_implementation"));
}

TEST_CASE("A cache that cannot hold a layer is refused with the layer, the entry and the reason") {
  TestOptions o;
  const std::string message =
      refusal({o.string("state", "tiny_state"),
               o.entries({{o.string("range", "0-1"), o.string("cache_implementation", "sliding_window")}})},
              KVERN_UNSUPPORTED);
  CHECK_THAT(message, Catch::Contains("layers 0, 1 (entry 1 of cache_layers (range = 0-1))") &&
                          Catch::Contains("'sliding_window'") && Catch::Contains("layer 1 sees all"));
  CHECK_THAT(refusal({o.string("state", "dynamic")}, KVERN_UNSUPPORTED),
             Catch::Contains("layer 5 (state)") && Catch::Contains("recurrent"));
}

TEST_CASE("A cache that is not installed is named with the layers it was for") {
  TestOptions o;
  CHECK_THAT(refusal({o.string("state", "nowhere")}),
             Catch::Contains("layer 5 (state)") && Catch::Contains("nowhere"));
}

TEST_CASE("A layer that reads another's keys is not named by an index, and is passed over by a range") {
  TestOptions o;
  kvern_layer shared = attention_layer();
  shared.kind = KVERN_LAYER_NONE;
  shared.shares_layer = 0;
  Subject subject = subject_of("hybrid", {attention_layer(), shared, attention_layer()});
  subject.options = {o.entries({{o.integer("index", 1), o.string("cache_implementation", "static")}})};
  FullHost host;
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK_THAT(message, Catch::Contains("reads the keys of layer 0"));
  subject.options = {o.entries({{o.string("range", "0-2"), o.string("cache_implementation", "dynamic")}})};
  CHECK_NOTHROW(CacheHarness(subject, host, 1));
}
