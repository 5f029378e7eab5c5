// Hands out one key more than view spoke of.
#include "tests/plugins/broken/broken.hpp"

static kvern_status view(kvern_cache *self, int32_t layer, kvern_view *view, kvern_error *error) {
  const kvern_status status = toy::view(self, layer, view, error);
  --view->kv_len;
  return status;
}

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("lying_update");
  toy::ops.view = view;
  return &toy::plugin;
}
