// Attention over blocks against dense attention: what does it cost that keys lie in blocks?
#pragma once

namespace kvern::kernels::bench {

/// Decode of one row in all layers of the 135 M shape, by tokens of a block.
void bench_blocks();

}  // namespace kvern::kernels::bench
