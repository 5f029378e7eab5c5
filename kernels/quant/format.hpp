// Memory layout of packed keys and values: blocks of tokens, whose codes are interleaved for integer dot products. Independent
// of positions, rows and caches.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace kvern::kernels::quant {

/// Axis of a quantization group: channels of one token (per token), or tokens of one channel (per channel).
enum class Axis { token, channel };

/// How one tensor (keys, or values) is quantized.
struct TensorFormat {
  int bits = 4;             ///< 8, 4, 3, 2 or 1
  Axis axis = Axis::token;  ///< per token, or per channel
  int64_t group = 64;   ///< group size: 16, 32, 64, 128 or 256 elements; a token's last group may be shorter
  int64_t dim = 0;      ///< head size D, at least 1
  bool rotate = false;  ///< Hadamard-rotated before quantization (hadamard.hpp)
};

/// Layout of one tensor within a block; offsets and sizes in bytes, each part at a multiple of 64.
///
///   block of one head:
///   +-------+--------+-------+-----------+-------+--------+-------+-----------+
///   | codes | scales | zeros | zeros_low | codes | scales | zeros | zeros_low |   zeros_low with 8 bits only
///   +-------+--------+-------+-----------+-------+--------+-------+-----------+
///     keys                                 values
///
///   codes are units of 64:
///     keys     [tokens / 16][dim_padded / 4]    values   [tokens / 4][dim_padded / 16]
///     code j   channel                          code j   token
///              +0  +1  +2  +3                            +0  +1  +2  +3
///     token +0  0   1   2   3                   channel +0  0   1   2   3
///           +1  4   5   6   7                           +1  4   5   6   7
///               ...                                         ...
///          +15 60  61  62  63                          +15 60  61  62  63
///     dim_padded: a multiple of 8               dim_padded: a multiple of 16
///
///   8 / bits consecutive units u, u + 1, ... share 64 bytes; byte j holds code j of each:
///             bit 7                           bit 0
///     8 bits  |               u               |
///     4 bits  |     u + 1     |       u       |
///     2 bits  | u + 3 | u + 2 | u + 1 |   u   |
///     1 bit   |u+7|u+6|u+5|u+4|u+3|u+2|u+1| u |
///     3 bits  bits 0 and 1 of all codes as with 2 bits, then bit 2 of all codes as with 1 bit
///
///   scales, zeros, zeros_low are f16:
///     Axis::token    [groups of a token][tokens]           Axis::channel   [tokens / group][dim_padded]
///
/// So a vector of 64 codes meets 4 bytes of a query (keys) or 4 weights (values), which integer dot products sum in each lane.
/// An element is zero + scale * level(code) / 127, with an int8 level of `levels`; with 8 bits its zero is zero + zero_low. Up to
/// 4 bits a scale may be negative.
struct TensorLayout {
  int64_t dim_padded = 0;
  int64_t groups = 0;        ///< groups of a token (Axis::token), or of a block's tokens (Axis::channel)
  int64_t group_stride = 0;  ///< scales of one group: tokens, or dim_padded
  int64_t codes = 0, scales = 0, zeros = 0,
          zeros_low = 0;  ///< offsets in the block; zeros_low -1 where there is none
  int64_t units = 0;      ///< of 64 codes
};

/// The block of one head: keys, then values. Where values are the leading elements of the keys (latent attention) there are only keys.
struct BlockFormat {
  /// Throws std::invalid_argument, which names it, for an unsupported number of bits or group size.
  BlockFormat(const TensorFormat &key, const TensorFormat &value);
  /// Values are the first dim_v elements of a key. Throws as the other.
  BlockFormat(const TensorFormat &key, int64_t dim_v);

  TensorFormat key, value;                ///< value: as the key where values lie in keys, but for its dim
  TensorLayout key_layout, value_layout;  ///< value_layout: empty where values lie in keys
  bool values_in_keys = false;
  int64_t tokens = 0;  ///< of a block: 64, or as many as the longest group of tokens
  int64_t bytes = 0;   ///< of a block, a multiple of 64
};

/// Level of each code, ascending, [2^bits]: up to 4 bits nonuniform, optimal for groups of normally
/// distributed elements, asymmetric since a negative scale mirrors them; at 8 bits uniform (code - 128).
const int8_t *levels(int bits);

}  // namespace kvern::kernels::quant
