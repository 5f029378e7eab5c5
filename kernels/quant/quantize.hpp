// From numbers to codes and back, block by block. A block is written once and never changed.
#pragma once
#include "kernels/dtype.hpp"
#include "kernels/quant/format.hpp"

namespace kvern::kernels::quant {

/// How hard the quantizer looks for the scale and zero with the least squared error.
enum class Search {
  none,  ///< from the least to the greatest number of the group
  fast,  ///< a few spans, each refined by least squares: the default
  full   ///< many spans and shifts
};

/// Numbers of one head, [tokens, dim], last stride 1.
struct Rows {
  const void *data;
  Dtype type;
  int64_t stride;  ///< elements from token to token
};

/// Writes the keys' (values') part of a block from the first `tokens` tokens of x; codes of the rest are undefined but
/// finite. Never reads beyond them. Groups of a channel are formed of the tokens there are. [any thread]
void quantize_keys(const BlockFormat &format, const Rows &x, int64_t tokens, Search search, std::byte *block);
void quantize_values(const BlockFormat &format, const Rows &x, int64_t tokens, Search search,
                     std::byte *block);

/// Tokens [first, first + n) of a block's keys (values) as numbers, [n, dim], rotated back if `unrotated`, else as
/// stored. [any thread]
void dequantize_keys(const BlockFormat &format, const std::byte *block, int64_t first, int64_t n,
                     bool unrotated, void *out, Dtype type, int64_t stride);
void dequantize_values(const BlockFormat &format, const std::byte *block, int64_t first, int64_t n,
                       bool unrotated, void *out, Dtype type, int64_t stride);

/// The same two by the definition, slowly; what tests compare them with. `search` none only.
void quantize_reference(const BlockFormat &format, bool keys, const Rows &x, int64_t tokens,
                        std::byte *block);
void dequantize_reference(const BlockFormat &format, bool keys, const std::byte *block, int64_t first,
                          int64_t n, bool unrotated, void *out, Dtype type, int64_t stride);

}  // namespace kvern::kernels::quant
