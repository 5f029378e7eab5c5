// What the binary contract costs: a decode step's calls of the cache `dynamic` through its plugin (table of functions, checks of both
// sides), against the same class linked in and called directly. Model shape of SmolLM2-135M; no attention, which is the same for both.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <kvern/cache.hpp>
#include <kvern/plugin_registry.hpp>
#include <kvern/sdk/key_cache.hpp>

namespace {

namespace sdk = kvern::sdk;
using Clock = std::chrono::steady_clock;

constexpr int kLayers = 30, kHeads = 3, kDim = 64, kSteps = 400;

/// The class of plugins/dynamic.
class Linked : public sdk::KeyCache<sdk::Dense> {
 public:
  explicit Linked(const sdk::Create &create) : KeyCache(create, {.expected_slots = create.max_tokens}) {}
};

/// Keys or values of n new tokens, and what a cache exports.
struct Tensors {
  explicit Tensors(int64_t n)
      : data(static_cast<std::size_t>(kHeads * n * kDim), 0.5f),
        shape{1, kHeads, n, kDim},
        strides{kHeads * n * kDim, n * kDim, kDim, 1},
        dl{data.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, strides, 0} {}
  Tensors(const Tensors &) = delete;
  std::vector<float> data;
  int64_t shape[4], strides[4];
  DLTensor dl;
};

kvern_step step_at(const int64_t &position, int64_t n) {
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = 1, step.n_new = n, step.row_pos = &position;
  return step;
}

double through_plugin(kvern::Cache &cache, int64_t position, const Tensors &kv, int64_t n) {
  const auto begin = Clock::now();
  cache.begin(step_at(position, n));
  for (int layer = 0; layer < kLayers; ++layer) {
    DLTensor k, v;
    cache.view(layer);
    cache.update(layer, &kv.dl, &kv.dl, &k, &v);
  }
  cache.end(n);
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// `step` is kept from call to call, as a plugin keeps its own.
double linked_in(Linked &cache, sdk::Step &step, int64_t position, const Tensors &kv, int64_t n) {
  const auto begin = Clock::now();
  step.read(step_at(position, n));
  cache.begin(step);
  for (int layer = 0; layer < kLayers; ++layer) {
    DLTensor k, v;
    kvern_view view{};
    cache.view(layer, view);
    cache.update(layer, &kv.dl, &kv.dl, &k, &v);
  }
  cache.end(n);
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

double median(std::vector<double> &values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char **argv) {
  const int64_t depth = argc > 1 ? std::atoll(argv[1]) : 1024;
  auto host = std::make_shared<kvern::Host>(kvern::HostOptions{});
  kvern::CacheSpec spec;
  spec.layers.resize(kLayers);
  for (auto &layer : spec.layers)
    layer.q_heads = 9, layer.kv_heads = kHeads, layer.head_dim_k = layer.head_dim_v = kDim;
  spec.max_rows = 1, spec.max_tokens = depth + 2 * kSteps;
  kvern::Cache plugin = kvern::Cache::create(host, *kvern::find_plugin("dynamic", {}).plugin, spec);

  sdk::Layers layers(kLayers);
  for (auto &layer : layers)
    layer.kind = KVERN_LAYER_ATTENTION, layer.q_heads = 9, layer.kv_heads = kHeads,
    layer.head_dim_k = layer.head_dim_v = kDim;
  const std::vector<sdk::Option> no_options;
  const sdk::Create create{sdk::Host(host->table(), {kDLCPU, 0}),
                           layers,
                           sdk::Options({}, no_options),
                           {kDLFloat, 32, 1},
                           1,
                           spec.max_tokens,
                           0,
                           nullptr,
                           nullptr};
  Linked linked(create);

  const Tensors prompt(depth), token(1);
  through_plugin(plugin, 0, prompt, depth);
  sdk::Step step;
  linked_in(linked, step, 0, prompt, depth);
  std::vector<double> with, without;
  for (int64_t i = 0; i < kSteps; ++i) {
    const bool first = i % 2 == 0;
    if (first) with.push_back(through_plugin(plugin, depth + i, token, 1));
    without.push_back(linked_in(linked, step, depth + i, token, 1));
    if (!first) with.push_back(through_plugin(plugin, depth + i, token, 1));
  }
  const double a = median(with), b = median(without);
  std::printf("depth %lld: through the plugin %.2f us a step, linked in %.2f us, difference %.2f us\n",
              static_cast<long long>(depth), a, b, a - b);
}
