// How keys and values of a few bits lie in memory: blocks of tokens, whose numbers are interleaved the way integer dot
// products want them. Nothing here knows positions, rows or caches.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace kvern::kernels::quant {

/// Along what the numbers of a group follow each other: the channels of one token, or the tokens of one channel.
enum class Axis { token, channel };

/// How one tensor (keys, or values) is quantized.
struct TensorFormat {
  int bits = 4;             ///< 8, 4, 3, 2 or 1
  Axis axis = Axis::token;  ///< per token, or per channel
  int64_t group =
      64;           ///< numbers with one scale: 16, 32, 64, 128 or 256; a token's last group may be shorter
  int64_t dim = 0;  ///< head size D, at least 1
  bool rotate = false;  ///< turned by an orthonormal Hadamard matrix first (hadamard.hpp)
};

/// Where the parts of one tensor lie within a block; offsets and sizes in bytes, each part aligned to 64.
///
/// A number is zero + scale * level(code) / 127, with an int8 level from `levels`. Codes come in units of 64, a unit's
/// code j being byte j where a code has 8 bits:
///
///   keys    [tokens / 16][dim_padded / 4][16 tokens][4 channels], dim padded to a multiple of 8
///   values  [tokens / 4][dim_padded / 16][16 channels][4 tokens], dim padded to a multiple of 16
///
/// With 4, 2 or 1 bits, m = 8 / bits units that follow each other share 64 bytes: byte j holds code j of all of them, the
/// first in the lowest bits. 3 bits: first the low two bits of all codes as if there were 2 bits, then the third bits as
/// if there was 1. Scales and zeros are f16: [groups of a token][tokens] per token, [tokens / group][dim_padded] per
/// channel. Up to 4 bits a scale may be negative. With 8 bits zero_low follows, likewise: the zero is zero + zero_low.
struct TensorLayout {
  int64_t dim_padded = 0;
  int64_t groups = 0;        ///< groups of a token (Axis::token), or of a block's tokens (Axis::channel)
  int64_t group_stride = 0;  ///< scales of one group number: tokens, or dim_padded
  int64_t codes = 0, scales = 0, zeros = 0,
          zeros_low = 0;  ///< offsets in the block; zeros_low -1 where there is none
  int64_t units = 0;      ///< of 64 codes
};

/// The block of one head: keys, then values.
struct BlockFormat {
  /// Throws kvern::Error (config) for bits or a group that there is not, naming it.
  BlockFormat(const TensorFormat &key, const TensorFormat &value);

  TensorFormat key, value;
  TensorLayout key_layout, value_layout;
  int64_t tokens = 0;  ///< of a block: 64, or as many as the longest group of tokens
  int64_t bytes = 0;   ///< of a block, a multiple of 64
};

/// Level of each code, ascending, [2^bits]: up to 4 bits uneven steps, the best ones for groups of normally distributed
/// numbers, lopsided since a negative scale mirrors them; at 8 bits even ones (code - 128).
const int8_t *levels(int bits);

}  // namespace kvern::kernels::quant
