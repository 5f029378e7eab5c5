// The part of the kernels' benchmark that attends on packed blocks.
#pragma once

namespace kvern::kernels::bench {

/// A decode step over packed blocks for every number of bits and axis, beside dense keys and values.
void bench_packed_decode();

/// A prompt over packed blocks, beside dense keys and values.
void bench_packed_prefill();

}  // namespace kvern::kernels::bench
