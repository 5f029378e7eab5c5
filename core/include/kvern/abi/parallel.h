/* parallel.h: host extension "kvern.parallel/1", the host's threads, for caches that compute on their own storage. A cache
 * that makes threads of its own would take processors from the model. */
#ifndef KVERN_ABI_PARALLEL_H
#define KVERN_ABI_PARALLEL_H
#include <kvern/abi/cache_abi.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVERN_PARALLEL_1 "kvern.parallel/1"

typedef struct kvern_parallel_1 {
  uint32_t struct_size, reserved;
  void *ctx;

  /* How many bodies may run at once, at least 1. It may change between steps: ask again in every call. [loop] */
  int32_t (*threads)(void *ctx);

  /* Calls body(arg, begin, end) on disjoint ranges that cover [0, n), each of a multiple of `grain` but the last, and
   * returns when all are done. Ranges run at once and in any order; the calling thread may take some. body must not fail,
   * must not throw, and must not call run or any function of kvern_host but log. n <= 0 calls nothing. [loop] */
  void (*run)(void *ctx, int64_t n, int64_t grain, void (*body)(void *arg, int64_t begin, int64_t end), void *arg);
} kvern_parallel_1;

#ifdef __cplusplus
}
#endif
#endif
