// The step of a cache as the bridge needs it: positions of its own count, views in terms of columns, and the choice between the
// cache's attention and the kernels. Keys and queries are rotated already.
#pragma once
#include <kvern/cache.hpp>
#include <vector>

#include "python/bridge/bridge.h"

struct kvb_cache {
  kvern::Cache cache;
  std::vector<int64_t> positions;  ///< [rows, n_new] of the open step
  std::vector<int64_t> row_pos;    ///< [rows] of the open step, which reads them until it ends
  kvern_step step{};               ///< the open one
};

namespace kvern::python {

void begin(kvb_cache &c, int64_t rows, int64_t n_new, const int64_t *row_pos, uint32_t flags);

/// The view of a layer. Throws CacheError (UNSUPPORTED) where keys must come before rotation, or positions are the layer's own.
kvern_view checked_view(kvb_cache &c, int layer);

struct Columns {
  int64_t kv_len;
  int64_t before;  ///< positions between the first key of each row and the row's first new token
};

/// The keys of a layer as columns, the same in all heads and rows. Throws CacheError (UNSUPPORTED) where they are none: keys that
/// queries may see lie elsewhere in some head or row.
Columns columns(kvb_cache &c, int layer);

/// As kvb_update.
void update(kvb_cache &c, int layer, const int64_t *k, const int64_t *v, int64_t *out_k, int64_t *out_v);
void attend(kvb_cache &c, int layer, kvb_attention &request);

}  // namespace kvern::python
