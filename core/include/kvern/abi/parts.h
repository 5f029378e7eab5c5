/* parts.h: cache extension "kvern.parts/1", offered by decorators and composites: the inner cache that serves a layer. It is
 * for programs that explain a cache to people; what a cache does is decided by its verbs alone. */
#ifndef KVERN_ABI_PARTS_H
#define KVERN_ABI_PARTS_H
#include <kvern/abi/cache_abi.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVERN_PARTS_1 "kvern.parts/1"

/* Lives as long as the cache that it was asked of. */
typedef struct kvern_parts_1 {
  uint32_t struct_size, reserved;
  const void *ctx; /* passed back as the first argument */

  /* The inner cache of a layer, NULL if none serves it. Borrowed; of its verbs only info and get_extension may be called,
   * of its table ops->plugin read. [loop] */
  const kvern_cache *(*part)(const void *ctx, int32_t layer);
} kvern_parts_1;

#ifdef __cplusplus
}
#endif
#endif
