/* rope.h: host extension "kvern.rope/1", the rotation of a layer, for caches that keep keys before rotation or turn them
 * again. A host table brings its own ctx: a decorator passes the table on as it is. */
#ifndef KVERN_ABI_ROPE_H
#define KVERN_ABI_ROPE_H
#include <kvern/abi/cache_abi.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVERN_ROPE_1 "kvern.rope/1"

typedef struct kvern_rope_1 {
  uint32_t struct_size, reserved;
  void *ctx;

  /* out = x turned by the angles of pos[r * row_stride + i]; a negative position turns back. x, out [rows, heads, n, dim];
   * out may be x. The first rotary_dim elements of a head are turned, or where values lie in keys those behind the values. turn_only: leaves out the factor that some models (yarn, longrope) put on cos and sin, for keys that
   * carry it already. UNSUPPORTED: the layer has no rotation, or one that depends on the length (dynamic NTK, longrope).
   * [any] */
  kvern_status (*rotate)(void *ctx, int32_t layer, const DLTensor *x, const int64_t *pos, int64_t row_stride,
                         int32_t turn_only, void *stream, DLTensor *out, kvern_error *error);

  /* The numbers behind it, for kernels of one's own: cos and sin [n, rotary_dim / 2] in host memory of the caller, which
   * asks for rotary_dim first with cos = sin = NULL. interleaved: pairs are (2i, 2i+1) instead of (i, i + rotary_dim / 2).
   * cos and sin come without `factor`. [any] */
  kvern_status (*tables)(void *ctx, int32_t layer, const int64_t *pos, int64_t n, float *cos, float *sin,
                         int32_t *rotary_dim, int32_t *interleaved, float *factor, kvern_error *error);
} kvern_rope_1;

#ifdef __cplusplus
}
#endif
#endif
