#include "runtime/run/probe.hpp"

#include <algorithm>
#include <cstring>

#include "core/torch/tensor.hpp"
#include "core/torch/torch.hpp"
#include "runtime/host/cache_host.hpp"

namespace kvern {
namespace {

constexpr int64_t kProbeShort = 512, kProbeLong = 1024;

/// Keys or values [rows, heads, n, dim] in the cache's dtype, slices of one random block that is made once.
class RandomBlocks {
 public:
  RandomBlocks(Dtype dtype, int64_t numbers) {
    auto generator = at::detail::createCPUGenerator(0);
    block_ = at::normal(0.0, 1.0, {numbers}, generator).to(to_torch(dtype));
  }
  at::Tensor operator()(int64_t rows, int64_t heads, int64_t n, int64_t dim) const {
    return block_.slice(0, 0, rows * heads * n * dim).view({rows, heads, n, dim});
  }

 private:
  at::Tensor block_;
};

int64_t widest(const std::vector<LayerSpec> &layers) {
  int64_t numbers = 1;
  for (const auto &l : layers)
    numbers = std::max<int64_t>(numbers, int64_t{l.kv_heads} * std::max(l.head_dim_k, l.head_dim_v));
  return numbers;
}

void fill_keys(Cache &cache, int layer, const RandomBlocks &random, int64_t rows, int64_t n) {
  const LayerSpec &spec = cache.layers()[static_cast<size_t>(layer)];
  const auto k = random(rows, spec.kv_heads, n, spec.head_dim_k);
  const auto v = random(rows, spec.kv_heads, n, spec.head_dim_v);
  DLTensorView dk(k), dv(v);
  const bool values_in_keys = (spec.flags & KVERN_VALUES_IN_KEYS) != 0;
  cache.update(layer, dk.dl(), values_in_keys ? nullptr : dv.dl(), nullptr, nullptr);
}

void clear_states(Cache &cache, int layer) {
  const auto n_states = cache.layers()[static_cast<size_t>(layer)].states.size();
  for (size_t slot = 0; slot < n_states; ++slot) {
    DLTensor read, write;
    cache.state(layer, static_cast<int>(slot), &read, &write);
    int64_t elements = 1;
    for (int32_t i = 0; i < write.ndim; ++i) elements *= write.shape[i];
    std::memset(static_cast<char *>(write.data) + write.byte_offset, 0,
                static_cast<size_t>(elements * write.dtype.bits / 8));
  }
}

void fill_step(Cache &cache, const RandomBlocks &random, int64_t rows, int64_t position, int64_t n,
               int64_t n_cross) {
  const std::vector<int64_t> row_pos(static_cast<size_t>(rows), position);
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = rows;
  step.n_new = n;
  step.n_cross = n_cross;
  step.row_pos = row_pos.data();
  cache.begin(step);
  const auto &layers = cache.layers();
  for (size_t l = 0; l < layers.size(); ++l) {
    const int layer = static_cast<int>(l);
    if (layers[l].kind == KVERN_LAYER_ATTENTION) fill_keys(cache, layer, random, rows, n);
    if (layers[l].kind == KVERN_LAYER_CROSS && n_cross > 0) fill_keys(cache, layer, random, rows, n_cross);
    if (layers[l].kind == KVERN_LAYER_STATE) clear_states(cache, layer);
  }
  cache.end(n);
}

int64_t bytes_in_use(const Cache &cache) {
  const auto info = cache.info();
  return info.bytes_used >= 0 ? info.bytes_used : info.bytes_device + info.bytes_host;
}

}  // namespace

Capabilities probe_capabilities(const kvern_plugin &plugin, const PluginPath &plugin_path) {
  HostOptions options;
  options.log = [](int, const std::string &) {};
  auto host = std::make_shared<Host>(options);
  offer_common_extensions(*host, plugin_path);
  CacheSpec spec;
  LayerSpec layer;
  layer.q_heads = layer.kv_heads = 1;
  layer.head_dim_k = layer.head_dim_v = 64;
  spec.layers.push_back(layer);
  spec.max_rows = 1;
  spec.max_tokens = 64;
  try {
    return {Cache::create(std::move(host), plugin, spec).offered(), ""};
  } catch (const Error &e) {
    return {{}, e.what()};
  }
}

void fill_cache(Cache &cache, int64_t rows, int64_t depth, int64_t chunk,
                const std::function<void(int64_t, int64_t)> &on_progress, int64_t n_cross) {
  if (cache.host().queue().place().device_type != kDLCPU)
    throw Error(
        ErrorKind::usage,
        "keys at random are filled in from host memory, and the cache is on a device: use --fill prefill, or "
        "--device cpu");
  const int64_t block = std::max(std::min(chunk, depth), n_cross);
  const RandomBlocks random(cache.dtype(), rows * block * widest(cache.layers()));
  for (int64_t position = cache.info().tokens; position < depth;) {
    const int64_t n = std::min(chunk, depth - position);
    fill_step(cache, random, rows, position, n, position == 0 ? n_cross : 0);
    position += n;
    if (on_progress) on_progress(position, depth);
  }
}

std::optional<int64_t> bounded_bytes(Cache &cache, int64_t most_bytes) {
  constexpr int64_t kStep = 128, kFar = 4096;
  if (cache.info().capacity >= 0) return std::nullopt;  // its limit is what it was made for
  int64_t depth = 0, most = 0;
  const auto fill_to = [&](int64_t end) {
    for (; depth < end && most <= most_bytes; depth += kStep) {
      fill_cache(cache, 1, depth + kStep, kStep);
      most = std::max(most, cache.info().bytes_device + cache.info().bytes_host);
    }
    return most;
  };
  std::optional<int64_t> bound;
  for (int64_t half = kProbeShort; half < kFar && !bound; half *= 2) {
    const int64_t before = fill_to(half), after = fill_to(2 * half);
    if (most > most_bytes || cache.info().tokens < depth) break;  // too large, or it keeps nothing
    if (after == before) bound = after;
  }
  cache.reset();
  return bound;
}

double bytes_per_token(Cache &cache) {
  fill_cache(cache, 1, kProbeShort, 128);
  const auto before = bytes_in_use(cache);
  cache.reset();
  fill_cache(cache, 1, kProbeLong, 128);
  const auto after = bytes_in_use(cache);
  cache.reset();
  return static_cast<double>(after - before) / static_cast<double>(kProbeLong - kProbeShort);
}

}  // namespace kvern
