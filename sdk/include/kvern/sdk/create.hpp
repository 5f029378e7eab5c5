// What a cache is made with.
#pragma once
#include <kvern/sdk/host.hpp>
#include <kvern/sdk/layers.hpp>
#include <kvern/sdk/options.hpp>

KVERN_SDK_BEGIN

/// Argument of a cache's constructor. Options are valid during the constructor only; the rest may be
/// copied and kept.
struct Create {
  Host host;
  Layers layers;
  Options options;
  DLDataType type;                          ///< of keys and values
  int64_t max_rows, max_tokens, max_cross;  ///< what the host expects; 0 = unknown
  void *stream;                             ///< NULL on a CPU
  const kvern_create *raw;                  ///< to be forwarded, modified, to an inner cache
};

/// UNSUPPORTED unless every layer of the cache's own keeps keys and values of the tokens themselves.
inline void require_attention_layers(const Create &create) {
  for (std::size_t i = 0; i < create.layers.size(); ++i) {
    const uint32_t kind = create.layers[i].kind;
    if (kind == KVERN_LAYER_NONE || kind == KVERN_LAYER_ATTENTION) continue;
    fail(KVERN_UNSUPPORTED, "this cache holds keys and values of the tokens themselves; layer ", i,
         kind == KVERN_LAYER_CROSS ? " has those of an encoder" : " has recurrent states");
  }
}

KVERN_SDK_END
