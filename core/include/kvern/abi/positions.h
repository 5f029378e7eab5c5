/* positions.h: "kvern.positions/1", an extension of the host and of caches: how far apart a query and a key may be. It tells a
 * window inside which positions are counted from a text that reaches the model's limit. */
#ifndef KVERN_ABI_POSITIONS_H
#define KVERN_ABI_POSITIONS_H
#include <kvern/abi/cache_abi.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVERN_POSITIONS_1 "kvern.positions/1"

/* Of the host: what the model takes. Absent where positions are embedded: then the positions of the text are what counts. */
typedef struct kvern_positions_1 {
  uint32_t struct_size, reserved;
  int64_t max_positions; /* positions from a key to its query, both included; 0 = no limit */
} kvern_positions_1;

/* Of a cache whose views count positions inside a window (q_pos): however long the text, a query sees keys within so many
 * positions, its own included. If the model takes as many, its limit does not end the text. Lives as long as the cache. */
typedef struct kvern_cache_positions_1 {
  uint32_t struct_size, reserved;
  int64_t span;
} kvern_cache_positions_1;

#ifdef __cplusplus
}
#endif
#endif
