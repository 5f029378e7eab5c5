/* compose.h: host extension "kvern.compose/1", other plugins by name, for decorators and composites. The caller creates
 * and destroys the inner caches itself: with a host table of its own where memory shall live elsewhere, and with layers of
 * kind NONE where an inner cache serves only some of them. */
#ifndef KVERN_ABI_COMPOSE_H
#define KVERN_ABI_COMPOSE_H
#include <kvern/abi/cache_abi.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KVERN_COMPOSE_1 "kvern.compose/1"

typedef struct kvern_compose_1 {
  uint32_t struct_size, reserved;
  void *ctx;

  /* The plugin of that name, found and checked as one that the user names; NULL, with the reason in *error, if there is
   * none. It lives for ever. [any] */
  const kvern_plugin *(*find)(void *ctx, const char *name, kvern_error *error);

  /* Checks options meant for that plugin (names, types) as the host checks the user's cache_config. [any] */
  kvern_status (*check_options)(void *ctx, const kvern_plugin *plugin, const kvern_option *const *options,
                                uint32_t n_options, kvern_error *error);
} kvern_compose_1;

#ifdef __cplusplus
}
#endif
#endif
