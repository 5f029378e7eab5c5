// Products of a tile with packed blocks in integers, straight from the codes. Internal to the kernels.
#pragma once
#include "kernels/quant/block_iterator.hpp"
#include "kernels/simd/packed_kernels.hpp"

namespace kvern::kernels::quant {

class IntegerProducts final : public TileProducts {
 public:
  /// Uses the scratch of ScratchUser::unpacked.
  IntegerProducts(const PackedCall &call, const AttentionShape &shape, const PackedKernelTable &ops,
                  const AttentionTile &tile);
  void start(const FloatRows &q, int64_t begin, int64_t end) override;
  bool next(KeyRange *range) override;
  void logits(const FloatRows &q, float *out, int64_t out_stride) override;
  void values(const FloatRows &weights, const TileAccumulator &sums) override;

  /// The shape of tiles that this class computes: few queries, in f32, over several blocks at a time.
  static AttentionShape shape_of(const PackedCall &call, AttentionShape shape);

 private:
  /// Sets what the kernel prefetches during this step of the range.
  void set_prefetch(int64_t step);

  const BlockFormat &format_;
  const PackedKernelTable &ops_;
  PackedTensor keys_, values_;
  int64_t max_blocks_;
  BlockIterator blocks_;
  BlockRange range_ = {};
  IntegerWorkspace workspace_;
};

}  // namespace kvern::kernels::quant
