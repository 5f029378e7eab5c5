// Real libraries that load and then break the contract.
#include "tests/support/test.hpp"

#include <kvern/plugin_registry.hpp>

#include "core/host/testing/message_of.hpp"
#include "core/host/testing/toy_model.hpp"

using namespace kvern;
using kvern::testing::message_of;
using kvern::testing::status_of;

namespace {

Cache create(const std::string &name) {
  CacheSpec spec;
  spec.layers = {testing::attention_layer()};
  const FoundPlugin found = find_plugin(name, {std::filesystem::path(KVERN_TEST_PLUGINS) / "broken"});
  return Cache::create(std::make_shared<Host>(), *found.plugin, spec);
}

/// What a first step with three tokens comes to.
std::string first_step(Cache &cache) {
  return message_of([&] {
    const testing::StepOf step(1, 0, 3);
    testing::Tensor k(1, 3), v(1, 3);
    DLTensor out_k, out_v;
    cache.begin(step.get());
    cache.view(0);
    cache.update(0, k.get(), v.get(), &out_k, &out_v);
    cache.end(3);
  });
}

}  // namespace

TEST_CASE("An exception that comes out of create is an error of the plugin") {
  CHECK(message_of([] { create("throws_in_create"); }) ==
        "cache 'throws_in_create': a defect of the plugin: create threw an exception across the border: bad "
        "table of "
        "codes");
}

TEST_CASE("An exception that comes out of update loses the cache, and only destroy follows") {
  Cache cache = create("throws_in_update");
  CHECK(first_step(cache) ==
        "cache 'throws_in_update': a defect of the plugin: update threw an exception across the border");
  CHECK(cache.lost());
  CHECK_FALSE(cache.in_step());
  CHECK(status_of([&] { cache.end(0); }) == KVERN_WRONG_STATE);
  CHECK(message_of([&] { cache.info(); }) ==
        "cache 'throws_in_update': info after a failure that lost the cache; destroy it");
}

TEST_CASE("A view of keys without positions is noticed") {
  Cache cache = create("lying_view");
  CHECK(
      first_step(cache) ==
      "cache 'lying_view': a defect of the plugin: view of layer 0 says that there are 7 keys, without their "
      "positions: neither first_pos nor key_pos");
}

TEST_CASE("An update that returns another shape than view promised is noticed") {
  Cache cache = create("lying_update");
  CHECK(first_step(cache) ==
        "cache 'lying_update': a defect of the plugin: update of layer 0 handed out keys [1, 2, 3, 4] "
        "float32, expected "
        "[1, 2, 2, 4] float32 on the CPU, last stride 1: the shape is wrong");
}

TEST_CASE("A table of verbs that ends before a required one is refused at create") {
  CHECK(message_of([] { create("short_ops"); }) ==
        "cache 'short_ops': the cache that create made has no update, which these layers need (its table has "
        "struct_size 40)");
}
