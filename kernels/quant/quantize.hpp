// Quantization and dequantization, block by block. A block is written once and never changed.
#pragma once
#include "kernels/dtype.hpp"
#include "kernels/quant/format.hpp"

namespace kvern::kernels::quant {

/// Effort of the search for the scale and zero of least squared error.
enum class Search {
  none,  ///< minimum to maximum of the group
  fast,  ///< a few initial fits, each refined by least squares: the default
  full   ///< many initial fits
};

/// 2-D view of one head, [tokens, dim], last stride 1.
struct HeadView {
  const void *data;
  Dtype type;
  int64_t stride;  ///< elements from token to token
};

/// Writes the keys' (values') part of a block from the first `tokens` tokens of x; codes of the rest are
/// undefined but finite. Reads no others. Groups of a channel consist of the tokens present. [any thread]
void quantize_keys(const BlockFormat &format, const HeadView &x, int64_t tokens, Search search,
                   std::byte *block);
void quantize_values(const BlockFormat &format, const HeadView &x, int64_t tokens, Search search,
                     std::byte *block);

/// Dequantizes tokens [first, first + n) of a block's keys (values), [n, dim], Hadamard-rotated back if
/// `unrotated`, else as stored. [any thread]
void dequantize_keys(const BlockFormat &format, const std::byte *block, int64_t first, int64_t n,
                     bool unrotated, void *out, Dtype type, int64_t stride);
void dequantize_values(const BlockFormat &format, const std::byte *block, int64_t first, int64_t n,
                       bool unrotated, void *out, Dtype type, int64_t stride);

/// Reference implementations of the two; tests compare with them. `search` none only.
void quantize_reference(const BlockFormat &format, bool keys, const HeadView &x, int64_t tokens,
                        std::byte *block);
void dequantize_reference(const BlockFormat &format, bool keys, const std::byte *block, int64_t first,
                          int64_t n, bool unrotated, void *out, Dtype type, int64_t stride);

}  // namespace kvern::kernels::quant
