// Runs a model on ids from tests, through a small reference cache: the model is tested.
#pragma once
#include <kvern/abi/compose.h>
#include <kvern/forward.hpp>
#include <kvern/plugin_registry.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "core/host/testing/toy_cache.hpp"
#include "core/torch/torch.hpp"

namespace kvern::testing {

using Ids = std::vector<std::vector<int64_t>>;  // [B][T]

inline at::Tensor id_tensor(const Ids &ids) {
  const int64_t rows = static_cast<int64_t>(ids.size()), tokens = static_cast<int64_t>(ids[0].size());
  const at::Tensor tensor = at::empty({rows, tokens}, at::kLong);
  int64_t *out = tensor.mutable_data_ptr<int64_t>();
  for (const auto &row : ids) out = std::copy(row.begin(), row.end(), out);
  return tensor;
}

inline bool has_states(const Model &model) {
  return std::any_of(model.layers().begin(), model.layers().end(),
                     [](const LayerSpec &layer) { return layer.kind == KVERN_LAYER_STATE; });
}

/// A float32 cache for one model that holds 64 positions; for a model with states the plugin `mamba`.
class SmallCache {
 public:
  explicit SmallCache(const Model &model) {
    HostOptions options;
    options.queue = &model.queue();
    host_ = std::make_shared<Host>(options);
    toy::restore("toy");
    model.offer_extensions(*host_);
    CacheSpec spec;
    spec.layers = model.layers();
    const kvern_plugin *plugin = &toy::plugin;
    if (has_states(model)) {
      const PluginPath path{std::string(std::getenv("KVERN_BUILD_DIR")) + "/lib/kvern/plugins"};
      host_->offer(KVERN_COMPOSE_1, compose_extension(path));
      plugin = find_plugin("mamba", path).plugin;
    }
    cache_.emplace(Cache::create(host_, *plugin, spec));
  }
  Cache &get() { return *cache_; }
  const Host &host() const { return *host_; }

 private:
  std::shared_ptr<Host> host_;
  std::optional<Cache> cache_;
};

/// Feeds columns [begin, end) of rows that have `padding` columns in front of position 0.
inline at::Tensor feed(const Model &model, Cache &cache, const Ids &ids, size_t begin, size_t end,
                       const std::vector<int64_t> &padding = {}, bool all_logits = true) {
  StepRequest request;
  Input input;
  Ids columns;
  for (size_t r = 0; r < ids.size(); ++r) {
    columns.emplace_back(ids[r].begin() + begin, ids[r].begin() + end);
    request.row_pos.push_back(static_cast<int64_t>(begin) - (padding.empty() ? 0 : padding[r]));
  }
  input.ids = id_tensor(columns);
  request.n_new = static_cast<int64_t>(end - begin);
  request.total_length = static_cast<int64_t>(end);
  input.logits = all_logits ? Input::Logits::all : Input::Logits::last;
  return forward_and_keep(model, cache, std::move(request), input).logits;
}

/// All logits [B, T, V] of one pass.
inline at::Tensor all_logits(const Model &model, const Ids &ids, const std::vector<int64_t> &padding = {}) {
  SmallCache cache(model);
  return feed(model, cache.get(), ids, 0, ids[0].size(), padding);
}

}  // namespace kvern::testing
