// Products of a tile with packed blocks, unpacked one at a time into the same workspace. Internal to the
// kernels.
#pragma once
#include "kernels/attention_rows.hpp"
#include "kernels/quant/block_iterator.hpp"

namespace kvern::kernels::quant {

class UnpackedRows final : public RowProducts {
 public:
  /// Blocks are unpacked to `call.dense.kv_type`. Uses the workspace of ScratchUser::unpacked.
  UnpackedRows(const PackedCall &call, const AttentionShape &shape, const KernelTable &ops,
               const AttentionTile &tile);
  void start(const FloatRows &, int64_t begin, int64_t end) override { blocks_.start(begin, end); }
  bool next(KeyRange *range) override;

 private:
  int64_t parts() const override { return range_.blocks; }
  RowBlock key_rows(int64_t part) override;
  RowBlock value_rows(int64_t part) override;
  /// Tokens of a block of the current range.
  int64_t tokens(int64_t part) const;
  const std::byte *block(int64_t part) const { return range_.data + part * call_.format->bytes; }

  const PackedCall &call_;
  int64_t max_blocks_;
  BlockIterator blocks_;
  BlockRange range_ = {};
  void *elements_;  ///< [tokens, max(dim_k, dim_v)]; where values lie in keys both of the range's one block
};

}  // namespace kvern::kernels::quant
