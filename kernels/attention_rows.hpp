// Products of a tile with rows in memory: keys and values in place (strided), or unpacked into the workspace.
// Dot products with the rows for few queries, GEMM on packed panels for many. Internal to the kernels.
#pragma once
#include "kernels/attention_tile.hpp"

namespace kvern::kernels {

/// Products with the rows of the current range, which a derived class supplies.
class RowProducts : public TileProducts {
 public:
  void logits(const FloatRows &q, float *out, int64_t out_stride) final;
  void values(const FloatRows &weights, const TileAccumulator &sums) final;

 protected:
  /// Uses the scratch of ScratchUser::products.
  RowProducts(const AttentionShape &shape, const KernelTable &ops);
  ~RowProducts() = default;

  /// Number of parts of the current range's rows; all but the last have an even number of rows.
  virtual int64_t parts() const = 0;
  /// Keys [n, dim_k] and values [n, dim_v] of a part, in the call's kv_type; valid until the next part is
  /// requested.
  virtual RowBlock key_rows(int64_t part) = 0;
  virtual RowBlock value_rows(int64_t part) = 0;

 private:
  void part_logits(const FloatRows &q, const RowBlock &k, float *out, int64_t out_stride);
  void part_values(const FloatRows &weights, const RowBlock &v, const TileAccumulator &sums);
  void values_by_panels(const FloatRows &weights, const RowBlock &v, const TileAccumulator &sums);
  void to_bf16(const FloatRows &weights, int64_t n);

  const AttentionShape &shape_;
  const KernelTable &ops_;
  float *panel_;
};

/// Dense keys and values, by the call's pointers and strides.
class DenseRows final : public RowProducts {
 public:
  DenseRows(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
            const AttentionTile &tile);
  void start(const FloatRows &q, int64_t begin, int64_t end) override;
  bool next(KeyRange *range) override;

 private:
  int64_t parts() const override { return 1; }
  RowBlock key_rows(int64_t part) override;
  RowBlock value_rows(int64_t part) override;
  RowBlock rows(const void *data, const AttentionStrides &stride, int64_t dim, int64_t head,
                const KeyRange &range) const;
  RowBlock prefetching(RowBlock rows, const RowBlock &next) const;

  const AttentionCall &call_;
  const AttentionTile &tile_;
  int64_t key_block_, begin_ = 0, at_ = 0, end_ = 0;
  enum class Prefetcher { nothing, next_rows, next_block } prefetch_ = Prefetcher::nothing;
  KeyRange range_ = {};
};

}  // namespace kvern::kernels
