#include "tests/reference_runner/cache_layer.hpp"

#include "core/torch/torch.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {
namespace {

/// The columns that no padding and no dropped token is in, of the first row.
at::Tensor seen_columns(const kvern_view &view) {
  std::vector<int64_t> columns;
  for (int64_t i = 0; i < view.kv_len; ++i)
    if ((view.key_pos ? view.key_pos[i] : view.first_pos[0] + i) >= 0) columns.push_back(i);
  return at::tensor(columns, at::kLong);
}

CacheSpec spec_of(const LayerRequest &request) {
  CacheSpec spec;
  spec.options = request.options;
  LayerSpec layer;
  layer.q_heads = layer.kv_heads = static_cast<int32_t>(request.heads);
  layer.head_dim_k = layer.head_dim_v = static_cast<int32_t>(request.dim);
  layer.window = static_cast<int32_t>(request.window);
  spec.layers.push_back(layer);
  spec.max_rows = request.max_rows;
  spec.max_tokens = request.max_tokens;
  return spec;
}

/// The columns of a recorded buffer with a token: not zero in every row and head.
at::Tensor columns_with_tokens(const at::Tensor &buffer) {
  return buffer.ne(0).any(3).any(1).any(0).nonzero().squeeze(1);
}

at::Tensor newest(const at::Tensor &all, int64_t n) { return all.slice(2, all.size(2) - n); }

}  // namespace

at::Tensor borrowed_tensor(const DLTensor &dl) {
  const at::IntArrayRef shape(dl.shape, static_cast<size_t>(dl.ndim));
  auto *data = static_cast<char *>(dl.data) + dl.byte_offset;
  if (!dl.strides) return at::from_blob(data, shape, at::kFloat);
  return at::from_blob(data, shape, at::IntArrayRef(dl.strides, static_cast<size_t>(dl.ndim)), at::kFloat);
}

KeysValues update_layer(Cache &cache, int layer, const at::Tensor *k, const at::Tensor *v) {
  std::optional<DLTensorView> new_k, new_v;
  if (k) new_k.emplace(*k), new_v.emplace(*v);
  DLTensor out_k{}, out_v{};
  const kvern_view view = cache.view(layer);
  cache.update(layer, k ? new_k->dl() : nullptr, v ? new_v->dl() : nullptr, &out_k, &out_v);
  const at::Tensor seen = seen_columns(view);
  return {borrowed_tensor(out_k).index_select(2, seen), borrowed_tensor(out_v).index_select(2, seen)};
}

StepInput begin_step(Cache &cache, int64_t rows, int64_t n_new, uint32_t flags, int64_t n_cross) {
  StepInput input{std::vector<int64_t>(static_cast<size_t>(rows), cache.info().tokens)};
  kvern_step step{};
  step.struct_size = sizeof step;
  step.flags = flags;
  step.rows = rows;
  step.n_new = n_new;
  step.n_cross = n_cross;
  step.row_pos = input.row_pos.data();
  cache.begin(step);
  return input;
}

void crop(Cache &cache, int64_t length) {
  const int64_t position = length < 0 ? std::max<int64_t>(cache.info().tokens + length, 0) : length;
  cache.truncate(std::vector<int64_t>(static_cast<size_t>(cache.info().rows), position));
}

CacheLayer::CacheLayer(std::shared_ptr<Host> host, const kvern_plugin &plugin, const LayerRequest &request)
    : cache_(Cache::create(std::move(host), plugin, spec_of(request))) {}

KeysValues CacheLayer::update(const at::Tensor &k, const at::Tensor &v, uint32_t flags) {
  const StepInput step = begin_step(cache_, k.size(0), k.size(2), flags);
  const KeysValues out = update_layer(cache_, 0, &k, &v);
  cache_.end(k.size(2));
  return out;
}

KeysValues CacheLayer::state() {
  const StepInput step = begin_step(cache_, cache_.info().rows, 0);
  const KeysValues out = update_layer(cache_, 0, nullptr, nullptr);
  cache_.end(0);
  return out;
}

KeysValues CacheLayer::update_at(const std::vector<int64_t> &positions, const at::Tensor &k,
                                 const at::Tensor &v) {
  const int64_t held = cache_.info().tokens;
  const int64_t first = std::min(held, *std::min_element(positions.begin(), positions.end()));
  const int64_t size = std::max(held, *std::max_element(positions.begin(), positions.end()) + 1);
  const KeysValues before = held > 0 ? state() : KeysValues{};
  const auto written = [&](const at::Tensor &old, const at::Tensor &fresh) {
    at::Tensor all = at::zeros({fresh.size(0), fresh.size(1), size, fresh.size(3)});
    if (held > 0) all.slice(2, 0, held).copy_(old);
    all.index_copy_(2, at::tensor(positions, at::kLong), fresh);
    return all.slice(2, first).contiguous();
  };
  const at::Tensor all_k = written(before.k, k), all_v = written(before.v, v);
  if (held > first) crop(cache_, first);
  return update(all_k, all_v);
}

void expect_held(const at::Tensor &got, const at::Tensor &want, Tolerance tolerance,
                 const std::string &what) {
  if (want.dim() != 4 || got.size(2) > want.size(2)) fail(what + ": more tokens than expected");
  expect_close(got, want.slice(2, 0, got.size(2)), tolerance, what);
  if (want.slice(2, got.size(2)).ne(0).any().item<bool>()) fail(what + ": fewer tokens than expected");
}

int64_t expect_window(const at::Tensor &got, const at::Tensor &stored, const at::Tensor &recorded,
                      Tolerance tolerance, const std::string &what) {
  if (got.size(2) > stored.size(2)) fail(what + ": more tokens than were stored");
  expect_close(got, newest(stored, got.size(2)), tolerance, what);
  const at::Tensor columns = columns_with_tokens(recorded);
  const int64_t n = columns.size(0);
  const bool hole = n > 0 && columns[n - 1].item<int64_t>() != n - 1;
  if (got.size(2) != n + (hole ? 1 : 0))
    fail(what + ": " + std::to_string(got.size(2)) + " tokens, recorded " + std::to_string(n));
  expect_close(newest(got, n), recorded.index_select(2, columns), tolerance, what);
  return n;
}

void expect_newest(const at::Tensor &got, const at::Tensor &recorded, Tolerance tolerance,
                   const std::string &what) {
  const at::Tensor tokens = recorded.index_select(2, columns_with_tokens(recorded));
  if (got.size(2) > tokens.size(2)) fail(what + ": more tokens than expected");
  expect_close(got, newest(tokens, got.size(2)), tolerance, what);
}

}  // namespace kvern::reference
