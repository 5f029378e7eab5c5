// Products of a tile with packed blocks that are unpacked into scratch one at a time, all in the same place. Internal to the kernels.
#pragma once
#include "kernels/attention_rows.hpp"
#include "kernels/quant/block_walk.hpp"

namespace kvern::kernels::quant {

class UnpackedRows final : public RowProducts {
 public:
  /// `call.dense.kv_type` is what blocks become. Uses the scratch of ScratchUser::unpacked.
  UnpackedRows(const PackedCall &call, const AttentionShape &shape, const LevelOps &ops,
               const AttentionTile &tile);
  void start(const FloatRows &, int64_t begin, int64_t end) override { walk_.start(begin, end); }
  bool next(KeyRange *range) override;

 private:
  int64_t parts() const override { return piece_.blocks; }
  RowBlock key_rows(int64_t part) override;
  RowBlock value_rows(int64_t part) override;
  /// Tokens of a block of the present piece.
  int64_t tokens(int64_t part) const;
  const std::byte *block(int64_t part) const { return piece_.data + part * call_.format->bytes; }

  const PackedCall &call_;
  int64_t most_blocks_;
  BlockWalk walk_;
  BlockPiece piece_ = {};
  void *numbers_;  ///< [tokens, the greater head size]
};

}  // namespace kvern::kernels::quant
