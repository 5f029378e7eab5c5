#include "kernels/quant/unpacked_rows.hpp"

#include <algorithm>

#include "kernels/quant/quantize.hpp"
#include "kernels/scratch.hpp"

namespace kvern::kernels::quant {

UnpackedRows::UnpackedRows(const PackedCall &call, const AttentionShape &shape, const KernelTable &ops,
                           const AttentionTile &tile)
    : RowProducts(shape, ops),
      call_(call),
      max_blocks_(std::max<int64_t>(shape.key_block / call.format->tokens, 1)),
      blocks_(call, tile) {
  const int64_t dim = std::max(call.dense.dim_k, call.dense.dim_v);
  const int64_t bytes = call.format->tokens * dim * size_of(call.dense.kv_type);
  elements_ = thread_scratch(ScratchUser::unpacked, (bytes + 3) / 4);
}

bool UnpackedRows::next(KeyRange *range) {
  if (!blocks_.next(max_blocks_, &range_)) return false;
  *range = range_.keys;
  return true;
}

int64_t UnpackedRows::tokens(int64_t part) const {
  return std::min(call_.format->tokens, range_.keys.n - part * call_.format->tokens);
}

RowBlock UnpackedRows::key_rows(int64_t part) {
  const AttentionCall &dense = call_.dense;
  const int64_t n = tokens(part), dim = dense.dim_k;
  dequantize_keys(*call_.format, block(part), 0, n, call_.format->values_in_keys, elements_, dense.kv_type,
                  dim);
  return {elements_, dense.kv_type, dim, n, dim};
}

RowBlock UnpackedRows::value_rows(int64_t part) {
  const AttentionCall &dense = call_.dense;
  const int64_t n = tokens(part), dim = dense.dim_v;
  if (call_.format->values_in_keys) return {elements_, dense.kv_type, dense.dim_k, n, dim};
  dequantize_values(*call_.format, block(part), 0, n, false, elements_, dense.kv_type, dim);
  return {elements_, dense.kv_type, dim, n, dim};
}

}  // namespace kvern::kernels::quant
