/* cache_abi.h: the whole binary contract between the runtime and a cache plugin. C11 and C++20.
 *
 * A plugin is a shared library with one exported symbol, kvern_plugin_entry. The host gives it a table of services
 * (kvern_host); it answers with a table that describes it and creates caches (kvern_plugin); a cache brings a table of
 * verbs (kvern_cache_ops). Reasons, worked examples and numbered rules are in docs/abi.md.
 *
 * Evolution. Within a major version this file is append-only: new fields and functions go to the end of a struct, nothing
 * is reordered, removed or retyped, and the values of enumerations are frozen. A struct that may grow begins with
 * struct_size, set by whoever fills it; a reader looks at a field only if struct_size covers it (KVERN_HAS). Structs
 * without struct_size are frozen. A NULL function means "not offered": a capability is a function that exists.
 *
 * Ownership. Tensors are borrowed: valid for the call unless a function says otherwise. Memory that outlives a call comes
 * from kvern_host.alloc. Nothing allocated on one side is freed on the other but through its own function.
 *
 * Errors. A function returns a kvern_status and on failure fills the caller's kvern_error with one sentence: what was
 * wrong, where, what would be right. A failed call has no side effect and writes no output, unless it says otherwise.
 * No exception, signal, exit, or write to standard output or error leaves a function.
 *
 * Threads. [once] process-wide, serialised by the host. [any] from any thread, also concurrently. [loop] one thread at a
 * time per kvern_cache; different caches may run in parallel. The host never calls into a cache from inside alloc,
 * release, map, log or a function of an extension.                                                                    */
#ifndef KVERN_CACHE_ABI_H
#define KVERN_CACHE_ABI_H
#include <dlpack/dlpack.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A plugin loads if its major version is the host's; the minor version says which fields its author could know. */
#define KVERN_ABI_MAJOR 1u
#define KVERN_ABI_MINOR 0u

/* Is `field` of *p there and not zero? */
#define KVERN_HAS(p, type, field) \
  ((p)->struct_size >= offsetof(type, field) + sizeof((p)->field) && (p)->field != 0)

/* ---- status and errors --------------------------------------------------------------------------------------------- */

/* An unknown value is read as INTERNAL. */
typedef int32_t kvern_status;
enum {
  KVERN_OK = 0,
  KVERN_INVALID_ARGUMENT = 1,
  KVERN_UNSUPPORTED = 2,     /* no side effect: the caller may try another verb */
  KVERN_OUT_OF_CAPACITY = 3, /* a limit of the cache: kvern_info.capacity says which */
  KVERN_OUT_OF_MEMORY = 4,   /* the host's alloc refused: memory, or the memory budget */
  KVERN_WRONG_STATE = 5,     /* out of order, e.g. update before begin */
  KVERN_DEVICE_ERROR = 6,    /* the cache is lost: only destroy may follow */
  KVERN_BAD_DATA = 7,        /* load was given something that save did not write */
  KVERN_INTERNAL = 8         /* a defect; the cache is lost: only destroy may follow */
};

/* Owned by the caller, never NULL. The callee writes code and message (UTF-8, NUL-terminated, cut to fit). */
typedef struct kvern_error {
  uint32_t struct_size;
  kvern_status code;
  char message[504];
} kvern_error;

/* ---- what the host offers ------------------------------------------------------------------------------------------ */

/* Memory made by kvern_host.alloc: shape and dtype as asked, strides contiguous. tensor.data may be NULL: ask map. */
typedef struct kvern_buffer {
  DLTensor tensor;
} kvern_buffer;

/* The slice [begin, end) of one axis of a buffer. */
typedef struct kvern_span {
  int32_t axis, reserved;
  int64_t begin, end;
} kvern_span;

enum { KVERN_LOG_DEBUG = 0, KVERN_LOG_INFO = 1, KVERN_LOG_WARNING = 2, KVERN_LOG_ERROR = 3 };

/* The host's services. A decorator hands its inner cache a table of its own: so a cache asks everything of the table it
 * was created with, and of no other. The table outlives every cache created with it, and their clones. */
typedef struct kvern_host {
  uint32_t struct_size, abi_major, abi_minor, reserved;
  void *ctx; /* passed back as the first argument */

  /* Hands one line to the host's log, for the people who run the program; the host copies it. level: KVERN_LOG_*. [any] */
  void (*log)(void *ctx, int32_t level, const char *message);

  /* Makes a buffer of the prototype's shape, dtype and device (its data, strides and byte_offset are not looked at); the
   * contents are undefined. `layer` is the one layer that this memory serves, so that it may live elsewhere while another
   * layer is at work; -1: it stays in place. Aligned to 64 bytes, counted against the memory budget. Fails with
   * OUT_OF_MEMORY, or INVALID_ARGUMENT for a shape that no memory could hold. [loop] */
  kvern_status (*alloc)(void *ctx, const DLTensor *prototype, int32_t layer, kvern_buffer **out, kvern_error *error);

  /* Gives a buffer back; NULL is allowed. Its address is dead at once. [any] */
  void (*release)(void *ctx, kvern_buffer *buffer);

  /* Writes the buffer's address to *address, good until the current call of the cache returns, a buffer of another layer
   * is mapped, or a call names another layer, whichever comes first; tensors that update hands out live as long as update
   * promises. So ask again in every call. reads: the slice whose contents matter, NULL = all; the rest need not be there.
   * writes: the slice about to be written, NULL = none; what is written outside it may be lost. Fails with OUT_OF_MEMORY
   * or DEVICE_ERROR only where memory really moves. [loop] */
  kvern_status (*map)(void *ctx, kvern_buffer *buffer, const kvern_span *reads, const kvern_span *writes, void **address,
                      kvern_error *error);

  /* The table of a host extension such as "kvern.rope/1", or NULL if this host does not offer it. The table lives as long
   * as the host and brings a ctx of its own. [any] */
  const void *(*get_extension)(void *ctx, const char *id);
} kvern_host;

/* ---- what the model needs ------------------------------------------------------------------------------------------ */

enum {
  KVERN_LAYER_NONE = 0,      /* not this cache's: hold nothing; it is never named in a call (composition by layer) */
  KVERN_LAYER_ATTENTION = 1, /* keys and values of the tokens themselves; causal */
  KVERN_LAYER_STATE = 2,     /* recurrent states instead of keys */
  KVERN_LAYER_CROSS = 3      /* keys that come once, from an encoder; every query sees all of them */
};
enum { KVERN_VALUES_IN_KEYS = 1u }; /* v is NULL: the values are the first head_dim_v numbers of a key */

/* One attention or mixer of the model. Its index in kvern_create.layers is its number everywhere. */
typedef struct kvern_layer {
  uint32_t struct_size, kind, flags;
  int32_t q_heads, kv_heads, head_dim_k, head_dim_v;
  int32_t window;       /* 0 = all; else no query looks further back than window - 1 positions */
  int32_t shares_layer; /* -1, or the layer whose keys this one reads: then kind is NONE and calls name that layer */
  int32_t n_states;
  const DLTensor *state_prototypes; /* STATE: [n_states], shapes without rows (conv, ssm ...) */
} kvern_layer;

enum { KVERN_BOOL = 0, KVERN_INT = 1, KVERN_FLOAT = 2, KVERN_STRING = 3, KVERN_TABLE = 4, KVERN_ARRAY = 5 };

/* One key of the user's cache_config. The host has checked names and types against kvern_plugin.options, and passes only
 * keys that the user wrote: a default is the plugin's to apply. BOOL and INT are in i. */
typedef struct kvern_option {
  uint32_t struct_size;
  int32_t type;
  const char *key; /* "" inside an array */
  int64_t i;
  double f;
  const char *s;
  const struct kvern_option *const *items; /* TABLE, ARRAY: [n_items] */
  uint32_t n_items, reserved;
} kvern_option;

/* Everything that create needs to know; valid for the call. */
typedef struct kvern_create {
  uint32_t struct_size, n_layers, n_options, reserved;
  const kvern_layer *const *layers;
  const kvern_option *const *options;
  DLDevice device;
  DLDataType dtype; /* of k and v; q and out are float32 on a CPU */
  uint32_t reserved2;
  int64_t max_rows, max_tokens, max_cross; /* what the host expects; 0 = unknown */
  void *stream;                            /* for device work before the first begin; NULL on a CPU */
} kvern_create;

/* ---- one forward pass ---------------------------------------------------------------------------------------------- */

enum {
  KVERN_STEP_TENTATIVE = 1u, /* end may keep a part of the new tokens; a cache that cannot says UNSUPPORTED in begin */
  KVERN_STEP_IMPORT = 2u,    /* keys come from another cache, no queries: k, v may hold only a layer's last tokens if
                                the others are padding or beyond its window */
  KVERN_STEP_ROW_CROSS = 4u  /* row_cross is given: the encoder's keys differ in number by row */
};

/* A position is a token's index in its row; padding on the left has negative positions. What a query sees follows from
 * positions alone: key_pos >= 0, key_pos <= q_pos (not for CROSS), key_pos > q_pos - window.
 * Valid until end. A flag that the cache does not know makes begin return UNSUPPORTED. */
typedef struct kvern_step {
  uint32_t struct_size, flags;
  int64_t rows, n_new;    /* rows may change only through gather, append, load, reset; n_new = 0: a step that only reads */
  const int64_t *row_pos; /* [rows] the position of each row's first new token; the rest follow by one */
  const int64_t *row_new; /* NULL, or [rows], at most n_new: each row's new tokens; the rest of its columns is filler */
  int64_t n_cross;        /* the keys that CROSS layers get in this step, replacing theirs; 0 = they are only read */
  void *stream;           /* device work is ordered after this; NULL on a CPU */
  const int64_t *row_cross; /* with ROW_CROSS [rows], at most n_cross: each row's keys of CROSS layers; the rest is filler,
                               which views show at negative positions */
} kvern_step;

/* Keys that update hands out are turned to the positions of the view, whatever the flags say. */
enum {
  KVERN_VIEW_RAW_K = 1u, /* update and attend want k before rotation */
  KVERN_VIEW_RAW_Q = 2u  /* attend wants q before rotation */
};

/* Where the keys are that this step's queries will see: kv_len keys per row, in the order in which update hands them out.
 * Key j of row r has position first_pos[r] + j; or, where key_pos is not NULL, head h's key j has position
 * key_pos[r * row_stride + h * head_stride + j] (a stride of 0: the same for all). Negative: never seen; such a slot must
 * still hold finite numbers. q_pos: NULL, or [rows * n_new], the new tokens' positions where a layer counts in its own
 * way: rotation, mask and bias then all use it. The pointers are good until a call names another layer, or end. */
typedef struct kvern_view {
  uint32_t struct_size, flags;
  int64_t kv_len;
  const int64_t *first_pos;
  const int64_t *key_pos;
  int64_t row_stride, head_stride;
  const int64_t *q_pos;
} kvern_view;

/* A request to compute attention. Shapes: q, out [rows, q_heads, n_new, dim]; k, v [rows, kv_heads, n_new, dim], both NULL
 * to read only; query head h reads key head h / (q_heads / kv_heads); the last stride is 1, the others are free. q and out
 * may have another number of queries than n_new only where causal is 0 and a composite holds a CROSS layer in a cache of
 * ATTENTION layers. */
typedef struct kvern_attend {
  uint32_t struct_size;
  int32_t layer;
  int32_t window, causal; /* window: 0 = off; causal: 0 for CROSS */
  float scale, softcap;   /* softcap: 0 = off, else scores become softcap * tanh(score / softcap) */
  const DLTensor *q, *k, *v;
  const DLTensor *bias;  /* NULL, or float32 added to scores: [1|rows, 1|q_heads, 1|n_new, 1|kv_len], columns as in view */
  const DLTensor *sinks; /* NULL, or float32 [q_heads]: one more logit per head, that takes mass and gives no value */
  DLTensor *out, *lse;   /* memory of the caller; lse NULL, or float32 [rows, q_heads, n_new]. Nothing seen: 0 and -inf */
} kvern_attend;

/* What a cache holds, in all or in one layer. Bytes of one layer are those that serve it alone. */
typedef struct kvern_info {
  uint32_t struct_size, reserved;
  int64_t tokens;   /* positions held, of the longest row: the host feeds what follows (0: everything again) */
  int64_t capacity; /* the largest that tokens (and padding beside them) can become; -1 = no limit of its own */
  int64_t max_new;  /* the largest n_new of the next begin; -1 = no limit of its own */
  int64_t rollback; /* how many of a row's last tokens truncate can take back; -1 = all */
  int64_t bytes_device, bytes_host; /* memory held now: on the device of create; elsewhere. All in bytes_device on a CPU */
  int64_t rows;
  int64_t bytes_used; /* of these, what the tokens held need, scales and tables included; -1 = unknown */
} kvern_info;

/* One direction of a byte stream. Returns the bytes moved, which may be fewer than size; 0 = end; -1 = error. */
typedef struct kvern_stream_io {
  uint32_t struct_size, reserved;
  void *ctx;
  int64_t (*io)(void *ctx, void *buffer, uint64_t size);
} kvern_stream_io;

/* ---- a cache ------------------------------------------------------------------------------------------------------- */

/* A cache begins with its table, so that what is offered may differ by instance: a decorator offers what its inner cache
 * offers. The plugin's own fields follow.
 *
 *   create -> ( begin -> { per layer: view, update | attend | state } -> end )* -> destroy
 *             between steps: gather, append, truncate, reset, clone, save, load, info                                    */
typedef struct kvern_cache {
  const struct kvern_cache_ops *ops;
} kvern_cache;

typedef struct kvern_cache_ops {
  uint32_t struct_size, reserved;
  const struct kvern_plugin *plugin;

  /* -- required -- */

  /* Frees the cache and every buffer it has. Never inside a step, unless the cache is lost. [any] */
  void (*destroy)(kvern_cache *cache);

  /* Opens a step and makes room for all of it, in every layer, or changes nothing: OUT_OF_CAPACITY and OUT_OF_MEMORY
   * come from here, not from update (but see there). On an empty cache rows and row_pos may be anything; on one that holds
   * tokens rows is the number held, and each row continues where it ended (INVALID_ARGUMENT otherwise). [loop] */
  kvern_status (*begin)(kvern_cache *cache, const kvern_step *step, kvern_error *error);

  /* Says where the keys of this layer are, this step's new tokens included: the same answer before and after update. For
   * CROSS layers positions count the encoder's keys. [loop, in a step] */
  kvern_status (*view)(kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error);

  /* Stores the new keys and values [rows, kv_heads, n_new, dim] of a layer and hands out all keys and values that view
   * spoke of, [rows, kv_heads, kv_len, dim], last stride 1. Once per step for each layer that gets keys; with k and v NULL
   * it only reads (cross-attention after the first step, layers that share keys, export to another cache) and may be
   * called any number of times. out_k and out_v NULL: store only. k, v and what is handed out live until a call names
   * another layer, or end; what is handed out may be k and v themselves. After a failure only end(0) may follow, but for
   * UNSUPPORTED, after which attend may be tried. A cache that offers attend may keep its keys packed: memory to unpack
   * them is taken by begin if the step only reads or if the step before asked for them, else here: then, and only then,
   * OUT_OF_MEMORY comes from update. [loop, in a step] */
  kvern_status (*update)(kvern_cache *cache, int32_t layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                         DLTensor *out_v, kvern_error *error);

  /* Closes the step and keeps min(n_keep, row_new) new tokens of each row: 0, n_new, or in a TENTATIVE step any number
   * between. end(0) restores what begin found, cross keys included. Cannot fail but with DEVICE_ERROR. [loop, in a step] */
  kvern_status (*end)(kvern_cache *cache, int64_t n_keep, kvern_error *error);

  /* Forgets all tokens and rows; memory may be kept for reuse. [loop] */
  kvern_status (*reset)(kvern_cache *cache, kvern_error *error);

  /* Reports on one layer, or with layer = -1 on the whole cache; also inside a step, where it speaks of what was
   * committed. [loop] */
  kvern_status (*info)(const kvern_cache *cache, int32_t layer, kvern_info *info, kvern_error *error);

  /* -- optional: NULL or UNSUPPORTED where not offered. Between steps only, but for attend and state -- */

  /* Stores k and v as update does and computes attention on the cache's own storage. q has been rotated unless the view
   * asks for it raw. UNSUPPORTED without a side effect if it cannot serve this request (a bias, say): the host then uses
   * update and its own attention. [loop, in a step] */
  kvern_status (*attend)(kvern_cache *cache, const kvern_attend *request, kvern_error *error);

  /* Hands out a recurrent state twice: as it was before the step, to read, and as it shall be after it, to be written in
   * full: [rows, ...], or in a TENTATIVE step [rows, n_new, ...], a state per new token. Never the same memory, so that the
   * step can be taken back. Valid until a call names another layer, or end. [loop, in a step] */
  kvern_status (*state)(kvern_cache *cache, int32_t layer, int32_t slot, DLTensor *read, DLTensor *write,
                        kvern_error *error);

  /* Row i becomes what row rows[i] was, n rows in all: reorder, select, repeat. Cannot fail unless n exceeds the rows held
   * or a row does not exist. [loop] */
  kvern_status (*gather)(kvern_cache *cache, const int64_t *rows, int64_t n, kvern_error *error);

  /* Adds the rows of another cache of the same plugin and layers behind its own; `from` stays as it is. [loop] */
  kvern_status (*append)(kvern_cache *cache, const kvern_cache *from, kvern_error *error);

  /* Forgets in each row the positions row_pos[r] and later. Cannot fail within info.rollback; beyond it UNSUPPORTED. A
   * position that is not held yet leaves the row as it is. [loop] */
  kvern_status (*truncate)(kvern_cache *cache, const int64_t *row_pos, kvern_error *error);

  /* Closes a TENTATIVE step, keeping row_keep[r] new tokens of row r. Cannot fail but with DEVICE_ERROR. [loop, in a
   * step] */
  kvern_status (*end_rows)(kvern_cache *cache, const int64_t *row_keep, kvern_error *error);

  /* Makes an independent cache with the same contents, host and options. [loop] */
  kvern_status (*clone)(const kvern_cache *cache, kvern_cache **out, kvern_error *error);

  /* Writes the contents, not the options, to a stream. [loop] */
  kvern_status (*save)(const kvern_cache *cache, const kvern_stream_io *stream, kvern_error *error);

  /* Replaces the contents by what save of a cache of the same plugin, layers and options wrote, reading exactly those
   * bytes. BAD_DATA for anything else, also hostile bytes. On failure the cache is as after reset. [loop] */
  kvern_status (*load)(kvern_cache *cache, const kvern_stream_io *stream, kvern_error *error);

  /* The table of a cache extension, or NULL. [any] */
  const void *(*get_extension)(const kvern_cache *cache, const char *id);
} kvern_cache_ops;

/* ---- a plugin ------------------------------------------------------------------------------------------------------ */

typedef struct kvern_plugin {
  uint32_t struct_size, abi_major, abi_minor, n_options;
  const char *name; /* equals the cache_implementation string and the file name, libkvern_<name>.so */
  const char *version, *summary;
  const char *build; /* "" for a plain plugin, else e.g. "torch=2.11.0;cxx11abi=1", which must equal the host's */
  const kvern_option *const *options; /* [n_options] the keys it accepts, with their defaults as values */

  /* Makes a cache for these layers, or says why it cannot hold them. What the cache needs later it asks of `host`, which
   * outlives it and its clones; `create` is valid for the call only. [any] */
  kvern_status (*create)(const kvern_host *host, const kvern_create *create, kvern_cache **out, kvern_error *error);
} kvern_plugin;

/* The only exported symbol. Returns the plugin's table, which lives for ever; also for a host that is newer or older: it
 * is the host that decides. May not fail; may not use `host` but for log. [once] */
#define KVERN_ENTRY_NAME "kvern_plugin_entry"
typedef const kvern_plugin *(*kvern_entry_fn)(const kvern_host *host);

#ifdef __cplusplus
}
#endif
#endif
