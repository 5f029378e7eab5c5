/* helpers.h: what a cache written in C against cache_abi.h alone needs again and again: errors, structs of another size, the order of
 * calls, shapes. C11 and C++20; static functions, no library. Not a part of the binary contract: a plugin has its own copy. */
#ifndef KVERN_ABI_HELPERS_H
#define KVERN_ABI_HELPERS_H
#include <kvern/abi/cache_abi.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KVERN_HELPER static inline __attribute__((unused))
#define KVERN_EXPORT __attribute__((visibility("default")))
#else
#define KVERN_HELPER static inline
#define KVERN_EXPORT
#endif

/* ---- errors -------------------------------------------------------------------------------------------------------- */

/* Fills the caller's error with a formatted sentence, cut to its size between characters, and returns the status. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
KVERN_HELPER kvern_status
kvern_fail(kvern_error *error, kvern_status status, const char *format, ...) {
  const size_t head = offsetof(kvern_error, message);
  char text[sizeof error->message];
  size_t size, room;
  va_list arguments;
  if (!error || error->struct_size < head) return status;
  error->code = status;
  if (error->struct_size == head) return status;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  size = strlen(text);
  room = error->struct_size - head - 1;
  if (size > room) {
    size = room;
    while (size > 0 && ((unsigned char)text[size] & 0xC0u) == 0x80u) --size;
  }
  memcpy(error->message, text, size);
  error->message[size] = '\0';
  return status;
}

/* ---- structs that begin with struct_size --------------------------------------------------------------------------- */

/* A copy of their struct: fields that they do not have are zero. */
KVERN_HELPER void kvern_take_struct(void *ours, size_t size, const void *theirs) {
  uint32_t theirs_size;
  memcpy(&theirs_size, theirs, sizeof theirs_size);
  memset(ours, 0, size);
  memcpy(ours, theirs, theirs_size < size ? theirs_size : size);
}

/* Fills their struct as far as it goes; its struct_size becomes the bytes written. */
KVERN_HELPER void kvern_give_struct(void *theirs, const void *ours, size_t size) {
  uint32_t written;
  memcpy(&written, theirs, sizeof written);
  if (written > size) written = (uint32_t)size;
  memcpy(theirs, ours, written);
  memcpy(theirs, &written, sizeof written);
}

/* ---- options ------------------------------------------------------------------------------------------------------- */

/* The option that the user wrote, or NULL. */
KVERN_HELPER const kvern_option *kvern_find_option(const kvern_create *create, const char *key) {
  uint32_t i;
  for (i = 0; i < create->n_options; ++i)
    if (strcmp(create->options[i]->key, key) == 0) return create->options[i];
  return NULL;
}

/* Its value, or the default; INVALID_ARGUMENT outside [least, most]. */
KVERN_HELPER kvern_status kvern_integer_option(const kvern_create *create, const char *key, int64_t preset,
                                               int64_t least, int64_t most, int64_t *value, kvern_error *error) {
  const kvern_option *option = kvern_find_option(create, key);
  *value = option ? option->i : preset;
  if (*value >= least && *value <= most) return KVERN_OK;
  return kvern_fail(error, KVERN_INVALID_ARGUMENT, "option '%s' is %lld: it must be %lld to %lld", key,
                    (long long)*value, (long long)least, (long long)most);
}

/* ---- order of calls (rules 2.1 to 2.3) ----------------------------------------------------------------------------- */

enum { KVERN_IDLE = 0, KVERN_IN_STEP = 1, KVERN_STEP_FAILED = 2, KVERN_LOST = 3 };

/* One for each cache, all zero at first. */
typedef struct kvern_guard {
  int phase;
  uint32_t flags;     /* of the open step */
  int64_t rows, n_new;
} kvern_guard;

KVERN_HELPER kvern_status kvern_require_between_steps(const kvern_guard *guard, const char *verb, kvern_error *error) {
  if (guard->phase == KVERN_IDLE) return KVERN_OK;
  if (guard->phase == KVERN_LOST)
    return kvern_fail(error, KVERN_WRONG_STATE, "%s on a cache that is lost: only destroy may follow", verb);
  return kvern_fail(error, KVERN_WRONG_STATE, "%s inside a step: it is called between end and begin", verb);
}

KVERN_HELPER kvern_status kvern_require_step(const kvern_guard *guard, const char *verb, kvern_error *error) {
  if (guard->phase == KVERN_IN_STEP) return KVERN_OK;
  if (guard->phase == KVERN_STEP_FAILED)
    return kvern_fail(error, KVERN_WRONG_STATE, "%s after a call of this step has failed: only end(0) may follow",
                      verb);
  return kvern_fail(error, KVERN_WRONG_STATE, "%s outside a step: begin comes first", verb);
}

KVERN_HELPER kvern_status kvern_require_end(const kvern_guard *guard, int64_t n_keep, kvern_error *error) {
  const int part = n_keep > 0 && n_keep < guard->n_new;
  if (guard->phase != KVERN_STEP_FAILED || n_keep != 0) {
    const kvern_status status = kvern_require_step(guard, "end", error);
    if (status != KVERN_OK) return status;
  }
  if (n_keep < 0 || n_keep > guard->n_new || (part && !(guard->flags & KVERN_STEP_TENTATIVE)))
    return kvern_fail(error, KVERN_INVALID_ARGUMENT, "end(%lld) of a step with %lld new tokens%s", (long long)n_keep,
                      (long long)guard->n_new, part ? ", which is not TENTATIVE" : "");
  return KVERN_OK;
}

/* What a call of a step comes to: after a failure only end(0) is accepted. UNSUPPORTED and WRONG_STATE are no failures. */
KVERN_HELPER kvern_status kvern_note_failure(kvern_guard *guard, kvern_status status) {
  if (status == KVERN_DEVICE_ERROR || status == KVERN_INTERNAL)
    guard->phase = KVERN_LOST;
  else if (guard->phase == KVERN_IN_STEP && status != KVERN_OK && status != KVERN_UNSUPPORTED &&
           status != KVERN_WRONG_STATE)
    guard->phase = KVERN_STEP_FAILED;
  return status;
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

/* The step as this plugin knows it. `known` are the flags that it serves (rule 3.4). */
KVERN_HELPER kvern_status kvern_take_step(kvern_step *ours, const kvern_step *theirs, uint32_t known,
                                          kvern_error *error) {
  const int64_t far = (int64_t)1 << 40;
  int64_t row;
  kvern_take_struct(ours, sizeof *ours, theirs);
  if (ours->flags & ~known)
    return kvern_fail(error, KVERN_UNSUPPORTED, "the step has a flag that this plugin does not serve: %u",
                      (unsigned)(ours->flags & ~known));
  if (ours->rows < 1 || ours->n_new < 0 || ours->n_cross < 0 || !ours->row_pos || ours->rows > far || ours->n_new > far)
    return kvern_fail(error, KVERN_INVALID_ARGUMENT, "a step of %lld rows with %lld new tokens", (long long)ours->rows,
                      (long long)ours->n_new);
  for (row = 0; row < ours->rows; ++row) {
    const int64_t count = ours->row_new ? ours->row_new[row] : ours->n_new;
    if (count < 0 || count > ours->n_new || ours->row_pos[row] < -far || ours->row_pos[row] > far)
      return kvern_fail(error, KVERN_INVALID_ARGUMENT, "row %lld has %lld new tokens from position %lld",
                        (long long)row, (long long)count, (long long)ours->row_pos[row]);
  }
  return KVERN_OK;
}

/* Whether some row has fewer new tokens than the step. */
KVERN_HELPER int kvern_is_ragged(const kvern_step *step) {
  int64_t row;
  for (row = 0; step->row_new && row < step->rows; ++row)
    if (step->row_new[row] != step->n_new) return 1;
  return 0;
}

/* ---- layers and tensors -------------------------------------------------------------------------------------------- */

/* A layer number of a call: one of `n`, that is this cache's. */
KVERN_HELPER kvern_status kvern_require_layer(const kvern_layer *layers, uint32_t n, const char *verb, int32_t layer,
                                              kvern_error *error) {
  if (layer >= 0 && (uint32_t)layer < n && layers[layer].kind != KVERN_LAYER_NONE) return KVERN_OK;
  return kvern_fail(error, KVERN_INVALID_ARGUMENT, "%s names layer %d, which is not this cache's", verb, (int)layer);
}

KVERN_HELPER int64_t kvern_element_bytes(DLDataType type) { return type.bits * type.lanes / 8; }

/* In elements, also where the tensor has no strides. */
KVERN_HELPER int64_t kvern_stride(const DLTensor *tensor, int axis) {
  int64_t stride = 1;
  int i;
  if (tensor->strides) return tensor->strides[axis];
  for (i = axis + 1; i < tensor->ndim; ++i) stride *= tensor->shape[i];
  return stride;
}

/* The address of element [row, head, token, 0]. */
KVERN_HELPER char *kvern_address(const DLTensor *tensor, int64_t row, int64_t head, int64_t token) {
  const int64_t at = row * kvern_stride(tensor, 0) + head * kvern_stride(tensor, 1) + token * kvern_stride(tensor, 2);
  return (char *)tensor->data + tensor->byte_offset + at * kvern_element_bytes(tensor->dtype);
}

/* Keys or values of update: [rows, heads, tokens, dim] of this type, last stride 1. */
KVERN_HELPER kvern_status kvern_require_shape(const DLTensor *tensor, const char *what, int32_t layer, DLDataType type,
                                              int64_t rows, int64_t heads, int64_t tokens, int64_t dim,
                                              kvern_error *error) {
  const int64_t *shape = tensor->shape;
  const int fits = tensor->ndim == 4 && shape[0] == rows && shape[1] == heads && shape[2] == tokens && shape[3] == dim;
  if (!fits)
    return kvern_fail(error, KVERN_INVALID_ARGUMENT, "layer %d: the %s are not [%lld, %lld, %lld, %lld]", (int)layer,
                      what, (long long)rows, (long long)heads, (long long)tokens, (long long)dim);
  if (tensor->dtype.code != type.code || tensor->dtype.bits != type.bits || tensor->dtype.lanes != type.lanes)
    return kvern_fail(error, KVERN_INVALID_ARGUMENT, "layer %d: the %s have another type than the cache was made for",
                      (int)layer, what);
  if (kvern_stride(tensor, 3) != 1)
    return kvern_fail(error, KVERN_INVALID_ARGUMENT, "layer %d: the last stride of the %s must be 1", (int)layer, what);
  return KVERN_OK;
}

/* Describes memory [rows, heads, tokens, dim] with room for `slots` tokens a head; shape and strides ([4] each) are the caller's, and
 * stay while the tensor is in use. */
KVERN_HELPER void kvern_describe(DLTensor *out, void *data, DLDevice device, DLDataType type, const int64_t size[4],
                                 int64_t slots, int64_t shape[4], int64_t strides[4]) {
  memcpy(shape, size, 4 * sizeof *shape);
  strides[3] = 1;
  strides[2] = size[3];
  strides[1] = slots * size[3];
  strides[0] = size[1] * strides[1];
  out->data = data;
  out->device = device;
  out->ndim = 4;
  out->dtype = type;
  out->shape = shape;
  out->strides = strides;
  out->byte_offset = 0;
}

#ifdef __cplusplus
}
#endif
#endif
