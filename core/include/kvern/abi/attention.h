/* attention.h: host extension "kvern.attention/1", dense attention over pieces in the host's kernels, with the log of the
 * sum of exponentials: a packed part merged with a dense residual, the blocks of a paged cache, sinks and a window. */
#ifndef KVERN_ABI_ATTENTION_H
#define KVERN_ABI_ATTENTION_H
#include <kvern/abi/cache_abi.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVERN_ATTENTION_1 "kvern.attention/1"

/* Keys and values [rows, kv_heads, len, dim] that rows row_begin .. row_begin + rows - 1 of q see; positions as in
 * kvern_view, row 0 being row_begin. Frozen. */
typedef struct kvern_piece_1 {
  const DLTensor *k, *v;
  const int64_t *first_pos, *key_pos;
  int64_t row_stride, head_stride;
  int64_t row_begin, rows;
} kvern_piece_1;

typedef struct kvern_attention_1 {
  uint32_t struct_size, reserved;
  void *ctx;

  /* Attention of call->q over all pieces together. Of `call` scale, softcap, window, causal, q, sinks, bias, out and lse are
   * used; lse is required; bias has the columns of the one piece, and must be NULL with several (UNSUPPORTED
   * otherwise); k and v are not looked at. q_pos [rows * n_new]. merge: out
   * and lse hold the result over other keys, and become the result over both; sinks must then be NULL in all calls but
   * one. [loop] */
  kvern_status (*run)(void *ctx, const kvern_attend *call, const int64_t *q_pos, const kvern_piece_1 *pieces,
                      int64_t n_pieces, int32_t merge, void *stream, kvern_error *error);

  /* Optional. As run over one piece without merge, and adds to mass [rows, kv_heads, len] float32 of the piece the attention
   * mass of each key: its weights in the softmax (sinks take part), summed over all queries of its head. lse may be NULL. [loop] */
  kvern_status (*run_with_mass)(void *ctx, const kvern_attend *call, const int64_t *q_pos, const kvern_piece_1 *piece,
                                DLTensor *mass, void *stream, kvern_error *error);
} kvern_attention_1;

#ifdef __cplusplus
}
#endif
#endif
