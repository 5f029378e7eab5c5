// Chooses the compute dtype of a packed attention and runs its tiles.
#include "kernels/quant/attention.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernels/attention_tile.hpp"
#include "kernels/quant/integer_products.hpp"
#include "kernels/quant/unpacked_rows.hpp"

namespace kvern::kernels::quant {
namespace {

constexpr int64_t kPanelQueries = 192;  // queries that share an unpacked block: more than for dense rows

void check(const PackedCall &call) {
  auto refuse = [](const std::string &what) { throw std::invalid_argument("packed attention: " + what); };
  check_attention(call.dense);
  if (!call.format) refuse("no block format");
  if (!call.rows && call.dense.rows > 0) refuse("no runs");
  const BlockFormat &format = *call.format;
  if (format.key.dim != call.dense.dim_k || format.value.dim != call.dense.dim_v) {
    refuse("head sizes " + std::to_string(call.dense.dim_k) + " and " + std::to_string(call.dense.dim_v) +
           " over blocks of " + std::to_string(format.key.dim) + " and " + std::to_string(format.value.dim));
  }
}

/// The dtype that blocks are unpacked to.
Dtype unpacked_type(const PackedCall &call, const KernelTable &ops) {
  switch (call.compute_dtype) {
    case ComputeDtype::f32:
      return Dtype::f32;
    case ComputeDtype::bf16:
      return Dtype::bf16;
    case ComputeDtype::f16:
      return Dtype::f16;
    case ComputeDtype::automatic:
      break;
  }
  const bool in_bf16 = call.dense.q_type == Dtype::bf16 || call.dense.round_to_bf16;
  return in_bf16 && ops.gemm_panel_bf16 ? Dtype::bf16 : Dtype::f32;
}

AttentionShape shape_of(const PackedCall &call, const KernelTable &ops) {
  AttentionShape shape(call.dense, ops);
  shape.key_block = std::max(shape.key_block, call.format->tokens);
  if (shape.by_panels) shape.tile_queries = std::min(shape.group * call.dense.n_new, kPanelQueries);
  if (call.format->values_in_keys) {  // one block at a time, whose keys are unpacked once and rotated back
    shape.key_block = call.format->tokens;
    return shape;
  }
  shape.rotate_q = call.format->key.rotate;
  shape.rotate_out = call.format->value.rotate;
  return shape;
}

}  // namespace

void attention(const PackedCall &original, const Parallel &parallel) {
  check(original);
  PackedCall call = original;
  if (call.dense.rows == 0 || call.dense.n_new == 0) return;
  const KernelTable &ops = kernel_table();
  call.dense.kv_type = unpacked_type(call, ops);
  AttentionShape shape = shape_of(call, ops);
  const PackedKernelTable *packed =
      call.compute_dtype == ComputeDtype::automatic && !call.format->values_in_keys ? packed_kernels()
                                                                                    : nullptr;
  if (packed && !shape.by_panels) {
    shape = IntegerProducts::shape_of(call, shape);
    return attend_by_products(
        call.dense, shape, ops,
        [&](const AttentionTile &tile) { return IntegerProducts(call, shape, *packed, tile); }, parallel);
  }
  attend_by_products(
      call.dense, shape, ops, [&](const AttentionTile &tile) { return UnpackedRows(call, shape, ops, tile); },
      parallel);
}

}  // namespace kvern::kernels::quant
