#include "runtime/run/compose_cache.hpp"

#include <set>

#include "runtime/config/option_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

LayerSpec layer(uint32_t kind) {
  LayerSpec made;
  made.kind = kind;
  return made;
}

CacheSpec spec_of(std::vector<uint32_t> kinds) {
  CacheSpec spec;
  for (const uint32_t kind : kinds) spec.layers.push_back(layer(kind));
  return spec;
}

/// A plugin that holds layers of these kinds alone.
TryCache holder_of(std::set<uint32_t> kinds) {
  return [kinds](const CacheSpec &spec) {
    for (const LayerSpec &l : spec.layers)
      if (l.kind != KVERN_LAYER_NONE && !kinds.contains(l.kind))
        throw CacheError(KVERN_UNSUPPORTED, "layers of kind " + std::to_string(l.kind));
  };
}

constexpr uint32_t kKeys = KVERN_LAYER_ATTENTION, kState = KVERN_LAYER_STATE, kCross = KVERN_LAYER_CROSS;

}  // namespace

TEST_CASE("A cache of keys keeps the keys with its options, states and an encoder's keys go elsewhere") {
  CacheSpec spec = spec_of({kState, kKeys, kCross});
  spec.options = {{"nbits", Option{int64_t{2}, ""}}};
  const auto composed = compose_cache("quantized", spec, holder_of({kKeys}));
  REQUIRE(composed);
  CHECK(composed->implementation == "hybrid");
  CHECK(
      config::to_toml(composed->options) ==
      "attention = \"quantized\"\nwindow = \"quantized\"\nstate = \"mamba\"\ncross = \"encoder_decoder\"\n\n"
      "[attention_config]\nnbits = 2\n\n[window_config]\nnbits = 2\n");
  CHECK(composed->explanation ==
        "cache 'quantized' holds keys and values; recurrent states are held by 'mamba', an encoder's keys "
        "are held by "
        "'encoder_decoder'");
}

TEST_CASE("A cache of states leaves the keys to the default cache") {
  const auto composed = compose_cache("mine", spec_of({kState, kKeys}), holder_of({kState}));
  REQUIRE(composed);
  CHECK(config::to_toml(composed->options) ==
        "attention = \"dynamic\"\nwindow = \"dynamic\"\nstate = \"mine\"\n");
}

TEST_CASE("On a model of states alone any cache is composed, and holds nothing") {
  const auto composed = compose_cache("dynamic", spec_of({kState, kState}), holder_of({kKeys}));
  REQUIRE(composed);
  CHECK(config::to_toml(composed->options) == "state = \"mamba\"\n");
  CHECK_THAT(composed->explanation, Catch::Contains("holds nothing of this model"));
}

TEST_CASE("A model of keys alone is not composed, nor is a hybrid") {
  CHECK_FALSE(compose_cache("dynamic", spec_of({kKeys, kKeys}), holder_of({})));
  CHECK_FALSE(compose_cache("hybrid", spec_of({kState, kKeys}), holder_of({})));
}

TEST_CASE("A cache that refuses the keys of a model with states is refused with that reason") {
  CHECK_THROWS_WITH(compose_cache("sliding_window", spec_of({kState, kKeys}), holder_of({})),
                    Catch::Contains("layers of kind 1"));
}
