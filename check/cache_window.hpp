// What a query of a layer sees: the model's window, or that of "kvern.window/1" where the cache has a narrower one.
#pragma once
#include <kvern/abi/window.h>

namespace kvern::conformance {

/// 0: everything.
inline int64_t window_in(const kvern_cache &cache, int layer, int64_t window) {
  const kvern_cache_ops &ops = *cache.ops;
  const auto *table =
      KVERN_HAS(&ops, kvern_cache_ops, get_extension)
          ? static_cast<const kvern_cache_window_1 *>(ops.get_extension(&cache, KVERN_WINDOW_1))
          : nullptr;
  const int64_t own = table ? table->window(table->ctx, layer) : 0;
  return own > 0 && (window == 0 || own < window) ? own : window;
}

}  // namespace kvern::conformance
