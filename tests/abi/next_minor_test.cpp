// Compiled against headers of the next minor version (next_minor.py): a runtime of that version, whose structs have grown, runs the
// recorded binaries of this one. Only core/host and the conformance kit see the headers.
#include <kvern/cache.hpp>
#include <kvern/plugin_registry.hpp>

#include <cstdlib>
#include <filesystem>

#include "core/host/testing/toy_model.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::testing;
namespace fs = std::filesystem;

namespace {

fs::path recorded() { return fs::path(std::getenv("KVERN_SOURCE_DIR")) / "tests/abi/data/1.0"; }

std::vector<float> keys_of(Cache &cache) {
  const StepOf step(1, cache.info().tokens, 0);
  cache.begin(step.get());
  DLTensor k, v;
  const int64_t n = cache.view(0).kv_len;
  cache.update(0, nullptr, nullptr, &k, &v);
  std::vector<float> keys;
  for (int64_t i = 0; i < n; ++i) keys.push_back(kvern::testing::at(k, 0, 0, i, 0));
  cache.end(0);
  return keys;
}

}  // namespace

TEST_CASE("this runtime is of the next minor version, and its structs have grown") {
  CHECK(sizeof(kvern_host) > offsetof(kvern_host, of_the_next_minor));
  CHECK(Host().table()->struct_size == sizeof(kvern_host));
  CHECK(Host().table()->abi_minor == KVERN_ABI_MINOR);
}

TEST_CASE("a runtime of the next minor version loads, fills and reads caches of this one") {
  int loaded = 0;
  for (const FoundPlugin &found : list_plugins({recorded()})) {
    if (found.path.parent_path() != recorded()) continue;
    INFO(found.path.string() << ": " << found.refusal);
    REQUIRE(found.plugin != nullptr);
    CHECK(found.plugin->abi_minor < KVERN_ABI_MINOR);
    CHECK(found.plugin->struct_size < sizeof(kvern_plugin));
    CacheSpec spec;
    spec.layers = {attention_layer()};
    Cache cache = Cache::create(std::make_shared<Host>(), *found.plugin, spec);
    feed(cache, 0, 3);
    feed(cache, 3, 2);
    CHECK(cache.info().tokens == 5);
    CHECK(keys_of(cache) == std::vector<float>{1, 2, 3, 4, 5});
    if (cache.offers("truncate")) {
      cache.truncate({2});
      CHECK(keys_of(cache) == std::vector<float>{1, 2});
    }
    cache.reset();
    CHECK(cache.info().tokens == 0);
    ++loaded;
  }
  CHECK(loaded >= 4);
}
