// The built caches as a program uses them: found by the registry in their folder, created and called through kvern::Cache,
// composed by the registry's own kvern.compose/1. What the numbers must be is tested without a host (random operations).
#include <kvern/abi/compose.h>

#include <cstdlib>
#include <kvern/cache.hpp>
#include <kvern/plugin_registry.hpp>

#include "tests/support/test.hpp"

using namespace kvern;

namespace {

PluginPath built() {
  const std::filesystem::path libraries = std::filesystem::path(std::getenv("KVERN_BUILD_DIR")) / "lib/kvern";
  return {libraries / "plugins", libraries / "test_plugins/proof"};
}

std::shared_ptr<Host> make_host(int64_t budget = 0) {
  HostOptions options;
  options.memory_budget = budget;
  auto host = std::make_shared<Host>(options);
  host->offer(KVERN_COMPOSE_1, compose_extension(built()));
  return host;
}

Cache make_cache(const std::string &name, const std::shared_ptr<Host> &host, OptionTable options = {}) {
  CacheSpec spec;
  LayerSpec layer;
  layer.q_heads = 2;
  layer.kv_heads = 1;
  layer.head_dim_k = layer.head_dim_v = 4;
  spec.layers.assign(2, layer);
  spec.options = std::move(options);
  return Cache::create(host, *find_plugin(name, built()).plugin, spec);
}

/// One row, `n` tokens from `position` on; the numbers are the positions. Checks that every position comes back.
void feed(Cache &cache, int64_t position, int64_t n) {
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = 1;
  step.n_new = n;
  step.row_pos = &position;
  cache.begin(step);
  std::vector<float> numbers;
  for (int64_t i = 0; i < n * 4; ++i) numbers.push_back(static_cast<float>(position + i / 4));
  int64_t shape[4] = {1, 1, n, 4};
  const DLTensor k{numbers.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 0};
  for (int layer = 0; layer < 2; ++layer) {
    const kvern_view view = cache.view(layer);
    DLTensor out_k, out_v;
    cache.update(layer, &k, &k, &out_k, &out_v);
    REQUIRE(view.kv_len == position + n);
    for (int64_t slot = 0; slot < view.kv_len; ++slot) {
      CHECK(static_cast<float *>(out_v.data)[slot * out_v.strides[2]] == static_cast<float>(slot));
    }
  }
  cache.end(n);
}

}  // namespace

TEST_CASE("dynamic, static and their decorators work through the host and the registry") {
  const std::shared_ptr<Host> host = make_host();
  for (const std::string name : {"dynamic", "static", "tiny_offload", "tiny_hybrid"}) {
    const bool fixed = name == "static";
    Cache cache = make_cache(name, host,
                             fixed ? OptionTable{{"max_cache_len", Option{int64_t{16}, ""}}} : OptionTable{});
    feed(cache, 0, 5);
    feed(cache, 5, 1);
    Cache copy = cache.clone();
    cache.truncate({3});
    feed(cache, 3, 2);
    CHECK(cache.info().tokens == 5);
    feed(copy, 6, 1);
    CHECK(copy.info().tokens == 7);
    CHECK(host->memory().live >= cache.info().bytes_device + copy.info().bytes_device);
  }
  CHECK(host->memory().buffers == 0);
  CHECK(host->memory().live == 0);
}

TEST_CASE("a cache that finds the budget spent says so and goes on") {
  const std::shared_ptr<Host> host = make_host(20000);
  Cache cache = make_cache("dynamic", host);
  feed(cache, 0, 5);
  const int64_t position = 5;
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = 1;
  step.n_new = 100000;
  step.row_pos = &position;
  try {
    cache.begin(step);
    FAIL("a step beyond the budget is accepted");
  } catch (const CacheError &error) {
    CHECK(error.status() == KVERN_OUT_OF_MEMORY);
  }
  feed(cache, 5, 1);
}

TEST_CASE("an inner cache that does not exist is named with the nearest that does") {
  const std::shared_ptr<Host> host = make_host();
  try {
    make_cache("tiny_offload", host, {{"inner", Option{std::string("dynamik"), ""}}});
    FAIL("an inner cache that does not exist is accepted");
  } catch (const Error &error) {
    const std::string message = error.what();
    CHECK(message.find("dynamik") != std::string::npos);
    CHECK(message.find("'dynamic'") != std::string::npos);
  }
}
