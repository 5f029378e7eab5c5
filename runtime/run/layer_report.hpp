// Which cache serves each layer of a model, and what it takes: measured by filling the cache with random keys.
#pragma once
#include <kvern/cache.hpp>
#include <string>
#include <vector>

namespace kvern {

struct LayerBytes {
  std::string cache;  ///< "quantized", "offloaded of quantized"; "" where the layer holds nothing itself
  double used_per_token = 0;   ///< of one more token at that length
  int64_t used = 0, held = 0;  ///< what the tokens need, and the memory that is taken for them
};

struct LayerReport {
  int64_t tokens = 0;              ///< the length that the bytes are of
  int64_t measured = 0;            ///< up to here the cache was filled; beyond it the bytes are extrapolated
  std::vector<LayerBytes> layers;  ///< [layers of the model]
  LayerBytes all;                  ///< the cache as a whole
};

/// The plugins that serve a layer, from the outermost: decorators and composites name their parts ("kvern.parts/1").
std::vector<std::string> caches_of_layer(const Cache &cache, int layer);

/// Fills an empty cache with one row, up to `tokens` or as far as `max_bytes` of memory suffice, and resets it. Layers with an
/// encoder's keys get as many of them.
LayerReport report_layers(Cache &cache, int64_t tokens, int64_t max_bytes);

}  // namespace kvern
