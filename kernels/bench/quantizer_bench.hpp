// The quantizer's part of the kernels' benchmark.
#pragma once

namespace kvern::kernels::bench {

/// Prints nanoseconds a number of packing and unpacking blocks, by bits, axis and search.
void bench_quantizer();

}  // namespace kvern::kernels::bench
