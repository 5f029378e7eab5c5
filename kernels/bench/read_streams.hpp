// Reads memory at full bandwidth, as several streams in parallel.
#pragma once
#include <cstdint>

namespace kvern::kernels::bench {

/// Which number is fastest is the processor's affair.
constexpr int kStreamCounts[] = {1, 2, 4, 8};

/// Reads `bytes` bytes in `streams` parts (one of kStreamCounts) of equal size, a few lines of each in turn; up to 5 KB of
/// each part are left out. data: aligned to 64 bytes. Fastest in a power of two of bytes.
void read_streams(const char *data, int64_t bytes, int streams);

}  // namespace kvern::kernels::bench
