// Products of a tile with packed blocks that are unpacked into scratch one at a time: keys first, then values in the same
// place. Internal to the kernels.
#pragma once
#include "core/kernels/attention_rows.hpp"
#include "core/kernels/quant/block_walk.hpp"

namespace kvern::kernels::quant {

class UnpackedRows final : public RowProducts {
 public:
  /// `call.dense.kv_type` is what blocks become. Uses the scratch of ScratchUser::unpacked.
  UnpackedRows(const PackedCall &call, const AttentionShape &shape, const LevelOps &ops,
               const AttentionTile &tile);
  void start(const FloatRows &, int64_t begin, int64_t end) override { walk_.start(begin, end); }
  bool next(KeyRange *range) override;

 private:
  RowBlock key_rows() override;
  RowBlock value_rows() override;

  const PackedCall &call_;
  BlockWalk walk_;
  BlockPiece piece_ = {};
  void *numbers_;  ///< [tokens, the greater head size]
};

}  // namespace kvern::kernels::quant
