#include "plugins/quantized/slab.hpp"

namespace kvern::quantized {

Slab::Slab(const sdk::Host &host, int layer, int64_t heads, int64_t blocks, int64_t block_bytes)
    : buffer(host, layer, {kDLUInt, 8, 1}, {heads, blocks, block_bytes}),
      heads(heads),
      blocks(blocks),
      block_bytes(block_bytes) {}

}  // namespace kvern::quantized
