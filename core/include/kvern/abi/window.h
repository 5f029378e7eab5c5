/* window.h: cache extension "kvern.window/1", of a cache whose queries see fewer positions than the model's layer: its attend narrows what
 * a query sees, and its update refuses (UNSUPPORTED) what the host's attention over the view would answer otherwise. The host
 * needs nothing of it; programs that recompute attention do. */
#ifndef KVERN_ABI_WINDOW_H
#define KVERN_ABI_WINDOW_H
#include <kvern/abi/cache_abi.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVERN_WINDOW_1 "kvern.window/1"

/* Lives as long as the cache. */
typedef struct kvern_cache_window_1 {
  uint32_t struct_size, reserved;
  const void *ctx; /* passed back as the first argument */

  /* How many positions a query of this layer sees, its own included; 0 = as many as the layer says. The same for the life of
   * the cache. [any] */
  int64_t (*window)(const void *ctx, int32_t layer);
} kvern_cache_window_1;

#ifdef __cplusplus
}
#endif
#endif
