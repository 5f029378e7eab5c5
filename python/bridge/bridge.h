/* bridge.h: kvern's caches for another language, by a C interface that knows neither LibTorch nor Python.
 *
 * Functions that return int32_t give 0, or say by kvb_status(), kvb_kind() and kvb_message(), on the same thread, what went
 * wrong; those that return a pointer give NULL then. A tensor is nine int64_t: address, four sizes [B, H, T, D], four strides in
 * elements. It is borrowed for the call; what kvb_update hands out lives until a call names another layer, or kvb_end.
 * One thread at a time may use a cache; different caches may be used in parallel. */
#ifndef KVERN_PYTHON_BRIDGE_H
#define KVERN_PYTHON_BRIDGE_H
#include <kvern/abi/cache_abi.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVB __attribute__((visibility("default")))

typedef struct kvb_cache kvb_cache;

/* Of this thread's last failure: the kvern_status of a cache or 0, the kvern::ErrorKind, and one sentence. */
KVB int32_t kvb_status(void);
KVB int32_t kvb_kind(void);
KVB const char *kvb_message(void);

/* ---- the process --------------------------------------------------------------------------------------------------- */

/* Folders (separated by ':') searched for plugins after plugin_path and KVERN_PLUGIN_PATH; and the build string of the LibTorch
 * in this process, "" without one. Before the first cache. */
KVB int32_t kvb_embed(const char *plugin_folders, const char *build);
/* Compute threads; 0 = one per processor. Not while a cache is at work. */
KVB int32_t kvb_set_threads(int64_t threads);
KVB int32_t kvb_threads(void);
/* JSON, freed by kvb_free: {"caches": [{"name", "path", "version", "summary", "build", "options", "error"}, ...]}. */
KVB char *kvb_list(const char *plugin_folders);
/* The tree of a configuration file (TOML or JSON) as JSON, freed by kvb_free. */
KVB char *kvb_read_config(const char *file);
KVB void kvb_free(void *memory);

/* ---- one cache ----------------------------------------------------------------------------------------------------- */

/* run: a configuration, keys as in a configuration file: the text of `file` (TOML or JSON), which is not read but names it in
 * messages and its folder that of relative paths; or JSON, then `file` is NULL. request: JSON with "layers" (each with kind,
 * q_heads, kv_heads, head_dim_k, head_dim_v, window, shares_layer), "dtype" (of the model; cache_dtype replaces it), "max_rows"
 * and "max_tokens" (expected; 0 = unknown). */
KVB kvb_cache *kvb_open(const char *run, const char *file, const char *request);
/* Ends an open step without keeping anything. NULL is allowed. */
KVB void kvb_close(kvb_cache *cache);
/* "float32", "bfloat16" or "float16". */
KVB const char *kvb_dtype(const kvb_cache *cache);
KVB const char *kvb_name(const kvb_cache *cache);

KVB int32_t kvb_begin(kvb_cache *cache, int64_t rows, int64_t n_new, const int64_t *row_pos, uint32_t flags);
/* out: kv_len, and how many positions the first key of each row lies before the row's first new token. Refuses a view whose layer
 * counts positions in its own way, and one whose keys are no columns: at other positions in some head, or further back in some
 * row. */
KVB int32_t kvb_view(kvb_cache *cache, int32_t layer, int64_t *out);
/* Stores k, v [B, Hkv, n_new, D] of the cache's dtype and describes all keys and values in out_k and out_v; refuses what kvb_view
 * refuses. k and v NULL: only reads; out_k and out_v NULL: only stores; neither of them refuses a view. */
KVB int32_t kvb_update(kvb_cache *cache, int32_t layer, const int64_t *k, const int64_t *v, int64_t *out_k,
                       int64_t *out_v);

/* bias: float32 [1|B, 1|H, 1|n_new, kv_len] or NULL, then the request is causal; sinks: float32 [H] or NULL. */
typedef struct kvb_attention {
  const int64_t *q, *k, *v,
      *out; /* q and out: float32 [B, H, n_new, D]; k, v: the cache's dtype, NULL to read only */
  const int64_t *bias;
  const float *sinks;
  float scale, softcap; /* softcap: 0 = off */
  int32_t window;       /* 0 = all */
  int32_t
      by_cache; /* written: 1 if the cache attended on its own storage, 0 if the kernels over what it handed out did */
} kvb_attention;
KVB int32_t kvb_attend(kvb_cache *cache, int32_t layer, kvb_attention *request);
KVB int32_t kvb_end(kvb_cache *cache, int64_t n_keep);

KVB int32_t kvb_reset(kvb_cache *cache);
KVB int32_t kvb_gather(kvb_cache *cache, const int64_t *rows, int64_t n);
KVB int32_t kvb_append(kvb_cache *cache, const kvb_cache *from);
KVB int32_t kvb_truncate(kvb_cache *cache, const int64_t *row_pos, int64_t n);
KVB kvb_cache *kvb_clone(const kvb_cache *cache);
/* A cache made as this one was, that holds nothing. */
KVB kvb_cache *kvb_empty_like(const kvb_cache *cache);
KVB int32_t kvb_info(const kvb_cache *cache, int32_t layer, kvern_info *info);
/* The contents as bytes, freed by kvb_free. */
KVB char *kvb_save(const kvb_cache *cache, int64_t *size);
KVB int32_t kvb_load(kvb_cache *cache, const char *data, int64_t size);
KVB int32_t kvb_offers(const kvb_cache *cache, const char *verb);

#ifdef __cplusplus
}
#endif
#endif
