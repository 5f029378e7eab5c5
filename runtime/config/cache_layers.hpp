// [[cache_layers]]: caches for some layers, beside that of the others.
//
//   cache_implementation = "quantized"
//   [[cache_layers]]
//   kind = "window"                  # attention, window, state, cross; or transformers' sliding_attention ...
//   cache_implementation = "sliding_window"
//   [[cache_layers]]
//   range = "0-1"                    # layers 0 and 1; index = 3 is one layer, [3, 5] are two
//   cache_implementation = "dynamic"
#pragma once
#include "runtime/config/run_config.hpp"
#include "runtime/config/table_reader.hpp"

namespace kvern::config {

/// Makes the cache of `config` one of the plugin `hybrid`: entries as they are, other layers with keys to the cache that the
/// configuration names. Keys of the entries are checked. Throws Error(config).
void read_cache_layers(TableReader &reader, RunConfig &config);

}  // namespace kvern::config
