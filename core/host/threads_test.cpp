// What may be used from several threads at once: the registry, a host's memory, and caches of different
// threads.
#include "tests/support/test.hpp"

#include <kvern/plugin_registry.hpp>

#include <atomic>
#include <thread>

#include "core/host/testing/message_of.hpp"
#include "core/host/testing/toy_model.hpp"

using namespace kvern;
namespace fs = std::filesystem;

namespace {

const PluginPath kPath = {fs::path(KVERN_TEST_PLUGINS) / "honest", fs::path(KVERN_TEST_PLUGINS) / "broken"};

/// Runs body(i) on n threads at once and waits for all. What it checks it returns: Catch2 is for one thread.
template <class Body>
int failures_on_threads(int n, Body body) {
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i) threads.emplace_back([&, i] { failures += body(i) ? 0 : 1; });
  for (std::thread &thread : threads) thread.join();
  return failures;
}

/// Fifty runs of ten tokens each through a cache of one's own.
bool use_caches(const std::shared_ptr<Host> &host, const kvern_plugin &plugin) {
  CacheSpec spec;
  spec.layers = {testing::attention_layer()};
  for (int run = 0; run < 50; ++run) {
    Cache cache = Cache::create(host, plugin, spec);
    for (int64_t pos = 0; pos < 10; ++pos) testing::feed(cache, pos, 1);
    const Cache copy = cache.clone();
    if (cache.info().tokens != 10 || copy.info().tokens != 10) return false;
  }
  return true;
}

/// Takes and gives back 1000 buffers of 64 bytes; a refusal is allowed, a count beyond the budget is not.
bool take_buffers(const Host &host, int64_t budget) {
  const kvern_host &table = *host.table();
  int64_t shape[] = {16};
  const DLTensor prototype = {nullptr, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  for (int i = 0; i < 1000; ++i) {
    kvern_error error{};
    kvern_buffer *buffer = nullptr;
    const kvern_status status = table.alloc(table.ctx, &prototype, -1, &buffer, &error);
    if (host.memory().live > budget) return false;
    if (status != KVERN_OK && status != KVERN_OUT_OF_MEMORY) return false;
    table.release(table.ctx, buffer);
  }
  return true;
}

}  // namespace

TEST_CASE("Eight threads that ask the registry get the same plugin and the same refusals") {
  std::atomic<const kvern_plugin *> first{nullptr};
  CHECK(failures_on_threads(8, [&](int i) {
          const kvern_plugin *found = find_plugin("toy", kPath).plugin;
          const kvern_plugin *none = nullptr;
          const bool same = first.compare_exchange_strong(none, found) || none == found;
          const std::string name = i % 2 ? "too_new" : "throws_in_entry";
          const bool refused = testing::kind_of([&] { find_plugin(name, kPath); }) == ErrorKind::plugin;
          return same && refused && list_plugins(kPath).size() >= 10 && compose_extension(kPath) != nullptr;
        }) == 0);
}

TEST_CASE("A memory budget holds for every thread that allocates") {
  HostOptions options;
  options.memory_budget = 256;
  const Host host(options);
  CHECK(failures_on_threads(8, [&](int) { return take_buffers(host, options.memory_budget); }) == 0);
  CHECK(host.memory().live == 0);
  CHECK(host.memory().buffers == 0);
  CHECK(host.memory().peak <= 256);
}

TEST_CASE("Caches of one plugin and one host work on several threads") {
  const FoundPlugin found = find_plugin("toy", kPath);
  const auto host = std::make_shared<Host>();
  CHECK(failures_on_threads(4, [&](int) { return use_caches(host, *found.plugin); }) == 0);
  CHECK(host->memory().live == 0);
}
