// The smallest cache that keeps its promises: float32 keys and values of every layer in one block of the
// host's memory each, a fixed capacity of 64 tokens, rows alike. Its tables can be changed by tests, to break
// one promise at a time. It is not written with the SDK, so that the host is tested on the bare contract.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <cstdio>
#include <cstring>
#include <vector>

namespace toy {

constexpr int64_t kCapacity = 64;

struct Layer {
  kvern_buffer *k = nullptr, *v = nullptr;
  int64_t heads = 0, dim_k = 0, dim_v = 0;
  int64_t shape_k[4], shape_v[4], strides_k[4], strides_v[4];
};

struct Cache {
  kvern_cache base;
  const kvern_host *host;
  std::vector<Layer> layers;
  std::vector<int64_t> first_pos;
  int64_t rows = 0, tokens = 0, n_new = 0;
};

inline Cache &of(kvern_cache *cache) { return *reinterpret_cast<Cache *>(cache); }
inline const Cache &of(const kvern_cache *cache) { return *reinterpret_cast<const Cache *>(cache); }

inline kvern_status fail(kvern_error *error, kvern_status code, const char *message) {
  std::snprintf(error->message, sizeof error->message, "%s", message);
  return error->code = code;
}

inline void free_layers(Cache &cache) {
  for (Layer &layer : cache.layers)
    for (kvern_buffer **buffer : {&layer.k, &layer.v}) {
      cache.host->release(cache.host->ctx, *buffer);
      *buffer = nullptr;
    }
}

inline void destroy(kvern_cache *cache) {
  free_layers(of(cache));
  delete &of(cache);
}

inline kvern_status make(Cache &cache, int64_t heads, int64_t dim, kvern_buffer **out, kvern_error *error) {
  int64_t shape[] = {cache.rows, heads, kCapacity, dim};
  const DLTensor prototype = {nullptr, {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 0};
  return cache.host->alloc(cache.host->ctx, &prototype, -1, out, error);
}

inline kvern_status make_room(Cache &cache, kvern_error *error) {
  for (Layer &layer : cache.layers) {
    kvern_status status =
        layer.heads && !layer.k ? make(cache, layer.heads, layer.dim_k, &layer.k, error) : KVERN_OK;
    if (status == KVERN_OK && layer.heads && !layer.v)
      status = make(cache, layer.heads, layer.dim_v, &layer.v, error);
    if (status != KVERN_OK) return free_layers(cache), status;
  }
  return KVERN_OK;
}

inline kvern_status begin(kvern_cache *self, const kvern_step *step, kvern_error *error) {
  Cache &cache = of(self);
  if (step->flags & ~(KVERN_STEP_TENTATIVE | KVERN_STEP_IMPORT))
    return fail(error, KVERN_UNSUPPORTED, "unknown flag");
  if (cache.tokens + step->n_new > kCapacity)
    return fail(error, KVERN_OUT_OF_CAPACITY, "the toy holds 64 tokens, no more");
  if (cache.tokens == 0) {
    if (cache.rows != step->rows) free_layers(cache);
    cache.rows = step->rows;
    cache.first_pos.assign(step->row_pos, step->row_pos + step->rows);
  }
  if (const kvern_status status = make_room(cache, error); status != KVERN_OK) return status;
  cache.n_new = step->n_new;
  return KVERN_OK;
}

inline kvern_status view(kvern_cache *self, int32_t, kvern_view *view, kvern_error *) {
  view->kv_len = of(self).tokens + of(self).n_new;
  view->first_pos = of(self).first_pos.data();
  return KVERN_OK;
}

inline void copy_in(Cache &cache, float *to, const DLTensor &from) {
  const int64_t heads = from.shape[1], dim = from.shape[3];
  const auto *data = static_cast<const float *>(from.data);
  for (int64_t r = 0; r < cache.rows; ++r)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t t = 0; t < cache.n_new; ++t)
        for (int64_t d = 0; d < dim; ++d)
          to[((r * heads + h) * kCapacity + cache.tokens + t) * dim + d] =
              data[r * from.strides[0] + h * from.strides[1] + t * from.strides[2] + d];
}

inline void hand_out(const Cache &cache, float *data, int64_t heads, int64_t dim, int64_t *shape,
                     int64_t *strides, DLTensor *out) {
  const int64_t s[] = {cache.rows, heads, cache.tokens + cache.n_new, dim};
  const int64_t t[] = {heads * kCapacity * dim, kCapacity * dim, dim, 1};
  std::memcpy(shape, s, sizeof s);
  std::memcpy(strides, t, sizeof t);
  *out = {data, {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, strides, 0};
}

inline kvern_status update(kvern_cache *self, int32_t index, const DLTensor *k, const DLTensor *v,
                           DLTensor *out_k, DLTensor *out_v, kvern_error *error) {
  Cache &cache = of(self);
  Layer &layer = cache.layers[static_cast<size_t>(index)];
  void *keys = nullptr, *values = nullptr;
  kvern_status status = cache.host->map(cache.host->ctx, layer.k, nullptr, nullptr, &keys, error);
  if (status == KVERN_OK)
    status = cache.host->map(cache.host->ctx, layer.v, nullptr, nullptr, &values, error);
  if (status != KVERN_OK) return status;
  if (k) copy_in(cache, static_cast<float *>(keys), *k);
  if (v) copy_in(cache, static_cast<float *>(values), *v);
  if (!out_k) return KVERN_OK;
  hand_out(cache, static_cast<float *>(keys), layer.heads, layer.dim_k, layer.shape_k, layer.strides_k,
           out_k);
  hand_out(cache, static_cast<float *>(values), layer.heads, layer.dim_v, layer.shape_v, layer.strides_v,
           out_v);
  return KVERN_OK;
}

inline kvern_status end(kvern_cache *self, int64_t n_keep, kvern_error *) {
  of(self).tokens += n_keep;
  of(self).n_new = 0;
  return KVERN_OK;
}

inline kvern_status reset(kvern_cache *self, kvern_error *) {
  of(self).tokens = 0;
  return KVERN_OK;
}

inline kvern_status info(const kvern_cache *self, int32_t, kvern_info *info, kvern_error *) {
  info->tokens = of(self).tokens;
  info->rows = info->tokens ? of(self).rows : 0;
  info->capacity = kCapacity;
  info->max_new = kCapacity - info->tokens;
  info->rollback = -1;
  return KVERN_OK;
}

inline kvern_status truncate(kvern_cache *self, const int64_t *row_pos, kvern_error *) {
  of(self).tokens = row_pos[0] - of(self).first_pos[0];
  return KVERN_OK;
}

/// The tables; tests may change them, and put them back with restore().
inline kvern_cache_ops ops;
inline kvern_plugin plugin;

inline kvern_status clone(const kvern_cache *self, kvern_cache **out, kvern_error *error) {
  auto *copy = new Cache(of(self));
  for (Layer &layer : copy->layers) layer.k = layer.v = nullptr;
  if (const kvern_status status = make_room(*copy, error); status != KVERN_OK) return delete copy, status;
  for (size_t i = 0; i < copy->layers.size(); ++i) {
    const Layer &from = of(self).layers[i];
    const Layer &to = copy->layers[i];
    const size_t slots = static_cast<size_t>(copy->rows * from.heads * kCapacity);
    if (!from.k || !to.k) continue;
    std::memcpy(to.k->tensor.data, from.k->tensor.data,
                slots * static_cast<size_t>(from.dim_k) * sizeof(float));
    std::memcpy(to.v->tensor.data, from.v->tensor.data,
                slots * static_cast<size_t>(from.dim_v) * sizeof(float));
  }
  *out = &copy->base;
  return KVERN_OK;
}

inline kvern_status create(const kvern_host *host, const kvern_create *request, kvern_cache **out,
                           kvern_error *error) {
  for (uint32_t i = 0; i < request->n_options; ++i)
    if (std::strcmp(request->options[i]->key, "nbits") == 0 && request->options[i]->i != 4)
      return fail(error, KVERN_INVALID_ARGUMENT, "nbits must be 4");
  auto *cache = new Cache;
  cache->base.ops = &ops;
  cache->host = host;
  for (uint32_t i = 0; i < request->n_layers; ++i) {
    const kvern_layer &needed = *request->layers[i];
    Layer &layer = cache->layers.emplace_back();
    if (needed.kind != KVERN_LAYER_ATTENTION) continue;
    layer.heads = needed.kv_heads;
    layer.dim_k = needed.head_dim_k;
    layer.dim_v = needed.head_dim_v;
  }
  *out = &cache->base;
  return KVERN_OK;
}

inline const kvern_option nbits = {sizeof(kvern_option), KVERN_INT, "nbits", 4, 0, "", nullptr, 0, 0};
inline const kvern_option scale = {sizeof(kvern_option), KVERN_FLOAT, "scale", 0, 1.0, "", nullptr, 0, 0};
inline const kvern_option inner = {
    sizeof(kvern_option), KVERN_STRING, "inner", 0, 0, "dynamic", nullptr, 0, 0};
inline const kvern_option inner_config = {
    sizeof(kvern_option), KVERN_TABLE, "inner_config", 0, 0, "", nullptr, 0, 0};
inline const kvern_option layers = {sizeof(kvern_option), KVERN_ARRAY, "layers", 0, 0, "", nullptr, 0, 0};
inline const kvern_option exact = {sizeof(kvern_option), KVERN_BOOL, "exact", 1, 0, "", nullptr, 0, 0};
inline const kvern_option *const options[] = {&nbits, &scale, &inner, &inner_config, &layers, &exact};

/// A whole and honest toy called `name`.
inline void restore(const char *name) {
  ops = {};
  ops.struct_size = sizeof ops;
  ops.plugin = &plugin;
  ops.destroy = destroy;
  ops.begin = begin;
  ops.view = view;
  ops.update = update;
  ops.end = end;
  ops.reset = reset;
  ops.info = info;
  ops.truncate = truncate;
  ops.clone = clone;
  plugin = {sizeof plugin, KVERN_ABI_MAJOR, KVERN_ABI_MINOR, 6, name, "1.0", "a toy for tests", "",
            options,       create};
}

}  // namespace toy
