// How a cache says that its queries see fewer positions than the model's layers do ("kvern.window/1").
#pragma once
#include <kvern/abi/window.h>

#include <kvern/sdk/namespace.hpp>

KVERN_SDK_BEGIN

/// The table of "kvern.window/1" of a cache class that has `int64_t window(int layer) const`; a copy of the cache has its own.
template <class C>
kvern_cache_window_1 window_table(const C *cache) {
  return {sizeof(kvern_cache_window_1), 0, cache, [](const void *ctx, int32_t layer) -> int64_t {
            return static_cast<const C *>(ctx)->window(layer);
          }};
}

KVERN_SDK_END
