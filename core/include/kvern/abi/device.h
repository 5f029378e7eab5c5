/* device.h: host extension "kvern.device/1", moving memory on a device. A host offers it if and only if it can create caches
 * whose kvern_create.device is not the CPU. On such a device kvern_host.alloc and map give memory that the CPU must not
 * touch: only this table, the other extensions and a plugin's own kernels may, in the order of a stream.
 *
 * Places. A tensor's `device` says where it is: kDLCPU is plain host memory; kDLCUDAHost (kDLROCMHost) is pinned host memory,
 * which alloc makes for a prototype of that device and which the CPU may touch once the work that uses it is done; everything
 * else is memory of a device.
 *
 * Streams. A stream does its work in the order in which it was given; streams run beside each other but for `wait`. A stream is
 * kvern_create.stream, kvern_step.stream or one of side_stream. Verbs between steps use the stream of the last begin, before
 * the first one kvern_create.stream. A verb that reads another cache (append) relies on the host to have ordered the streams of
 * the two.
 *
 * Time. Functions that take a stream give it work and return. Shapes, strides and index arrays are read before the return; so is
 * plain host memory that is copied from, and plain host memory that is copied to has been written at the return. Memory of a
 * device and pinned memory is read and written when the work is done. What was given before kvern_host.release may use the
 * released memory: the host gives it back in the order of the cache's stream, so work of a side stream must have been waited for
 * on it.
 *
 * Errors. INVALID_ARGUMENT for tensors that do not fit, at the call. DEVICE_ERROR may report work that was given earlier.       */
#ifndef KVERN_ABI_DEVICE_H
#define KVERN_ABI_DEVICE_H
#include <kvern/abi/cache_abi.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVERN_DEVICE_1 "kvern.device/1"

/* The host's streams for transfers; they live as long as the host. */
enum { KVERN_STREAM_TO_DEVICE = 0, KVERN_STREAM_FROM_DEVICE = 1 };

/* A point in the order of a stream. Made and freed by the host. */
typedef struct kvern_event kvern_event;

typedef struct kvern_device_1 {
  uint32_t struct_size, reserved;
  void *ctx;

  /* to = from: equal shapes, any strides, any two places. Floating-point types may differ: converted to nearest. The two do not
   * overlap. [loop] */
  kvern_status (*copy)(void *ctx, const DLTensor *from, DLTensor *to, void *stream, kvern_error *error);

  /* All bits zero. [loop] */
  kvern_status (*zero)(void *ctx, DLTensor *to, void *stream, kvern_error *error);

  /* to[.. i ..] = from[.. index[i] ..] along an axis, 0 <= i < n; types equal, the other axes equal. `index` [n] is host memory.
   * `to` may begin where `from` does, with equal strides: then all of `from` is read before anything is written. [loop] */
  kvern_status (*take)(void *ctx, const DLTensor *from, int32_t axis, const int64_t *index, int64_t n, DLTensor *to,
                       void *stream, kvern_error *error);

  /* Moves [begin, end) of an axis so that it begins at `to`, within one tensor; source and target may overlap. [loop] */
  kvern_status (*move)(void *ctx, DLTensor *tensor, int32_t axis, int64_t begin, int64_t end, int64_t to, void *stream,
                       kvern_error *error);

  /* Writes a stream of the host's, KVERN_STREAM_*, to *stream. [any] */
  kvern_status (*side_stream)(void *ctx, int32_t which, void **stream, kvern_error *error);

  /* record: the event is what `stream` has been given so far, whatever it was before. wait: work given to `stream` from now on
   * begins when what the event was at this call is done; an event that was never recorded is done. free_event does not cancel
   * what waits already. [loop] */
  kvern_status (*make_event)(void *ctx, kvern_event **out, kvern_error *error);
  void (*free_event)(void *ctx, kvern_event *event);
  kvern_status (*record)(void *ctx, kvern_event *event, void *stream, kvern_error *error);
  kvern_status (*wait)(void *ctx, void *stream, kvern_event *event, kvern_error *error);

  /* Returns when the stream has done all that it was given. [loop] */
  kvern_status (*finish)(void *ctx, void *stream, kvern_error *error);
} kvern_device_1;

#ifdef __cplusplus
}
#endif
#endif
