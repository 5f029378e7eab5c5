#include "core/kernels/quant/unpacked_rows.hpp"

#include <algorithm>

#include "core/kernels/quant/quantize.hpp"
#include "core/kernels/scratch.hpp"

namespace kvern::kernels::quant {

UnpackedRows::UnpackedRows(const PackedCall &call, const AttentionShape &shape, const LevelOps &ops,
                           const AttentionTile &tile)
    : RowProducts(shape, ops), call_(call), walk_(call, tile) {
  const int64_t dim = std::max(call.dense.dim_k, call.dense.dim_v);
  const int64_t bytes = call.format->tokens * dim * size_of(call.dense.kv_type);
  numbers_ = thread_scratch(ScratchUser::unpacked, (bytes + 3) / 4);
}

bool UnpackedRows::next(KeyRange *range) {
  if (!walk_.next(1, &piece_)) return false;
  *range = piece_.keys;
  return true;
}

RowBlock UnpackedRows::key_rows() {
  const AttentionCall &dense = call_.dense;
  dequantize_keys(*call_.format, piece_.data, 0, piece_.keys.n, false, numbers_, dense.kv_type, dense.dim_k);
  return {numbers_, dense.kv_type, dense.dim_k, piece_.keys.n, dense.dim_k};
}

RowBlock UnpackedRows::value_rows() {
  const AttentionCall &dense = call_.dense;
  dequantize_values(*call_.format, piece_.data, 0, piece_.keys.n, false, numbers_, dense.kv_type,
                    dense.dim_v);
  return {numbers_, dense.kv_type, dense.dim_v, piece_.keys.n, dense.dim_v};
}

}  // namespace kvern::kernels::quant
