// Products of a tile with packed blocks in integers, straight from the codes. Internal to the kernels.
#pragma once
#include "kernels/quant/block_walk.hpp"
#include "kernels/simd/packed_ops.hpp"

namespace kvern::kernels::quant {

class IntegerProducts final : public TileProducts {
 public:
  /// Uses the scratch of ScratchUser::unpacked.
  IntegerProducts(const PackedCall &call, const AttentionShape &shape, const PackedOps &ops,
                  const AttentionTile &tile);
  void start(const FloatRows &q, int64_t begin, int64_t end) override;
  bool next(KeyRange *range) override;
  void logits(const FloatRows &q, float *out, int64_t out_stride) override;
  void values(const FloatRows &weights, const TileSums &sums) override;

  /// The shape of tiles that this class computes: few queries, in f32, over several blocks at a time.
  static AttentionShape shape_of(const PackedCall &call, AttentionShape shape);

 private:
  /// What the kernel fetches during this step of the piece.
  void look_ahead(int64_t step);

  const BlockFormat &format_;
  const PackedOps &ops_;
  PackedTensor keys_, values_;
  int64_t most_blocks_;
  BlockWalk walk_;
  BlockPiece piece_ = {};
  IntegerRoom room_;
};

}  // namespace kvern::kernels::quant
