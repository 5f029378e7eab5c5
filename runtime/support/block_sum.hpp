// A sum over a block of bytes that is faster than memory: it finds accidents, not malice.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kvern {

/// 64 bits over a block, in four independent streams of words; every step is a bijection of what was before, so that no change within
/// one word goes unnoticed. `seed`: the sum of the block before, so that the order of blocks counts.
uint64_t block_sum(const std::byte *data, std::size_t size, uint64_t seed);

}  // namespace kvern
