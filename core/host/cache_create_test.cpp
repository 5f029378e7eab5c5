#include "tests/support/test.hpp"

#include <kvern/cache.hpp>

#include "core/host/testing/message_of.hpp"
#include "core/host/testing/toy_model.hpp"

using namespace kvern;
using kvern::testing::kind_of;
using kvern::testing::message_of;
using kvern::testing::status_of;
using kvern::testing::Toy;

namespace {

int destroyed = 0;

/// What create says of a toy without one of its verbs; it is destroyed all the same.
template <class Member>
std::string refusal_without(Member member,
                            const std::vector<LayerSpec> &layers = {testing::attention_layer()}) {
  const Toy toy;
  toy::ops.*member = nullptr;
  destroyed = 0;
  toy::ops.destroy = [](kvern_cache *cache) { ++destroyed, toy::destroy(cache); };
  CacheSpec spec;
  spec.layers = layers;
  return message_of([&] { Cache::create(toy.host, toy::plugin, spec); });
}

std::string lacks(const std::string &verb) {
  return "cache 'toy': the cache that create made has no " + verb +
         ", which these layers need (its table has struct_size " + std::to_string(sizeof(kvern_cache_ops)) +
         ")";
}

LayerSpec state_layer() {
  LayerSpec layer;
  layer.kind = KVERN_LAYER_STATE;
  layer.states = {{Dtype::f32, {3, 5}}};
  return layer;
}

kvern_create seen;
std::vector<kvern_layer> seen_layers;
std::vector<int64_t> seen_state;

kvern_status spy(const kvern_host *host, const kvern_create *request, kvern_cache **out, kvern_error *error) {
  seen = *request;
  seen_layers.clear();
  for (uint32_t i = 0; i < request->n_layers; ++i) seen_layers.push_back(*request->layers[i]);
  const DLTensor &state = request->layers[1]->state_prototypes[0];
  seen_state.assign(state.shape, state.shape + state.ndim);
  return toy::create(host, request, out, error);
}

}  // namespace

TEST_CASE("create tells the plugin of layers, types and sizes") {
  const Toy toy;
  toy::plugin.create = spy;
  toy::ops.state = [](kvern_cache *, int32_t, int32_t, DLTensor *, DLTensor *, kvern_error *) {
    return kvern_status{KVERN_UNSUPPORTED};
  };
  CacheSpec spec;
  spec.layers = {testing::attention_layer(), state_layer()};
  spec.layers[0].window = 9;
  spec.dtype = Dtype::bf16;
  spec.max_tokens = 77;
  const Cache cache = Cache::create(toy.host, toy::plugin, spec);
  CHECK(seen.struct_size == sizeof(kvern_create));
  CHECK(seen.device.device_type == kDLCPU);
  CHECK(seen.dtype.code == kDLBfloat);
  CHECK(seen.max_tokens == 77);
  REQUIRE(seen_layers.size() == 2);
  CHECK(seen_layers[0].kv_heads == testing::kHeads);
  CHECK(seen_layers[0].window == 9);
  CHECK(seen_layers[0].shares_layer == -1);
  CHECK(seen_layers[1].n_states == 1);
  CHECK(seen_state == std::vector<int64_t>{3, 5});
  CHECK(cache.dtype() == Dtype::bf16);
  CHECK(cache.layers().size() == 2);
  CHECK(&cache.plugin() == &toy::plugin);
  CHECK(&cache.host() == toy.host.get());
}

TEST_CASE("A cache that is wrapped is its plugin's still, and so are empty ones like it") {
  const Toy toy;
  toy::ops.append = [](kvern_cache *, const kvern_cache *, kvern_error *) { return kvern_status{KVERN_OK}; };
  CacheSpec spec;
  spec.layers = {testing::attention_layer()};
  int wrapped = 0;
  const WrapCache wrap = [&](const kvern_host *host, kvern_cache *cache, const kvern_create &request) {
    CHECK(host == toy.host->table());
    CHECK(request.n_layers == 1);
    ++wrapped;
    return cache;
  };
  Cache cache = Cache::create(toy.host, toy::plugin, spec, wrap);
  const Cache empty = cache.empty_like(), plain = Cache::create(toy.host, toy::plugin, spec);
  CHECK(wrapped == 2);
  CHECK(&cache.plugin() == &toy::plugin);
  CHECK_NOTHROW(cache.append(empty));
  CHECK(status_of([&] { cache.append(plain); }) == KVERN_INVALID_ARGUMENT);
}

TEST_CASE("A cache without a required verb is refused by the verb and destroyed") {
  CHECK(refusal_without(&kvern_cache_ops::begin) == lacks("begin"));
  CHECK(destroyed == 1);
  CHECK(refusal_without(&kvern_cache_ops::view) == lacks("view"));
  CHECK(refusal_without(&kvern_cache_ops::update) == lacks("update"));
  CHECK(refusal_without(&kvern_cache_ops::end) == lacks("end"));
  CHECK(destroyed == 1);
  CHECK(refusal_without(&kvern_cache_ops::reset) == lacks("reset"));
  CHECK(refusal_without(&kvern_cache_ops::info) == lacks("info"));
}

TEST_CASE("A cache that cannot be destroyed is refused") {
  const Toy toy;
  static kvern_cache *made;
  toy::ops.destroy = nullptr;
  toy::plugin.create = [](const kvern_host *host, const kvern_create *request, kvern_cache **out,
                          kvern_error *error) {
    const kvern_status status = toy::create(host, request, out, error);
    made = *out;
    return status;
  };
  CHECK(message_of([&] { toy.create(); }) == "cache 'toy': the cache that create made has no destroy");
  toy::destroy(made);
  toy::plugin.create = [](const kvern_host *, const kvern_create *, kvern_cache **out, kvern_error *) {
    static kvern_cache without_table = {nullptr};
    *out = &without_table;
    return kvern_status{KVERN_OK};
  };
  CHECK(message_of([&] { toy.create(); }) == "cache 'toy': the cache that create made has no table of verbs");
}

TEST_CASE("Recurrent layers need state, and neither view nor update") {
  CHECK(refusal_without(&kvern_cache_ops::state, {state_layer()}) == lacks("state"));
  const Toy toy;
  toy::ops.state = [](kvern_cache *, int32_t, int32_t, DLTensor *, DLTensor *, kvern_error *) {
    return kvern_status{KVERN_UNSUPPORTED};
  };
  toy::ops.view = nullptr;
  toy::ops.update = nullptr;
  CacheSpec spec;
  spec.layers = {state_layer()};
  CHECK_NOTHROW(Cache::create(toy.host, toy::plugin, spec));
}

TEST_CASE("A create that says OK and returns nothing is refused") {
  const Toy toy;
  toy::plugin.create = [](const kvern_host *, const kvern_create *, kvern_cache **, kvern_error *) {
    return kvern_status{KVERN_OK};
  };
  CHECK(message_of([&] { toy.create(); }) == "cache 'toy': create said OK and handed out no cache");
}

TEST_CASE("Options are checked before the plugin sees them, with the place they were read from") {
  const Toy toy;
  const auto action = [&] { toy.create({{"nbit", {int64_t{4}, "run.toml:9"}}}); };
  CHECK(kind_of(action) == ErrorKind::config);
  CHECK_THAT(message_of(action), Catch::Matchers::StartsWith("run.toml:9: cache 'toy' has no option 'nbit'"));
}

TEST_CASE("An option that the plugin rejects is an error of the configuration, with its place") {
  const Toy toy;
  const OptionTable options = {{"scale", {1.0, "run.toml:8"}}, {"nbits", {int64_t{5}, "run.toml:9"}}};
  const auto action = [&] { toy.create(options); };
  CHECK(kind_of(action) == ErrorKind::config);
  CHECK(status_of(action) == KVERN_INVALID_ARGUMENT);
  CHECK(message_of(action) == "run.toml:9: cache 'toy': nbits must be 4");
}

TEST_CASE("Layers that a plugin cannot hold are an error of the plugin, memory one of memory") {
  const Toy toy;
  toy::plugin.create = [](const kvern_host *, const kvern_create *, kvern_cache **, kvern_error *error) {
    return toy::fail(error, KVERN_UNSUPPORTED, "the window of layer 0 is too large");
  };
  CHECK(kind_of([&] { toy.create(); }) == ErrorKind::plugin);
  toy::plugin.create = [](const kvern_host *, const kvern_create *, kvern_cache **, kvern_error *) {
    return kvern_status{KVERN_OUT_OF_MEMORY};
  };
  CHECK(kind_of([&] { toy.create(); }) == ErrorKind::out_of_memory);
  CHECK(message_of([&] { toy.create(); }) == "cache 'toy': create failed: out of memory");
}

TEST_CASE("A cache keeps its host alive, and gives its memory back") {
  Toy toy;
  const std::weak_ptr<Host> host = toy.host;
  {
    Cache cache = toy.create();
    toy.host.reset();
    testing::feed(cache, 0, 3);
    CHECK(cache.host().memory().buffers == 2);
    CHECK_FALSE(host.expired());
  }
  CHECK(host.expired());
}
