// Products of a tile with rows of numbers in memory: keys and values as they lie, or unpacked into scratch. Few queries
// take dot products straight from the rows; many take packed matrix products. Internal to the kernels.
#pragma once
#include "kernels/attention_tile.hpp"

namespace kvern::kernels {

/// Multiplies what a derived class calls the rows of the present range.
class RowProducts : public TileProducts {
 public:
  void logits(const FloatRows &q, float *out, int64_t out_stride) final;
  void values(const FloatRows &weights, const TileSums &sums) final;

 protected:
  /// Uses the scratch of ScratchUser::products.
  RowProducts(const AttentionShape &shape, const LevelOps &ops);
  ~RowProducts() = default;

  /// In how many parts the rows of the present range come; parts but the last have an even number of rows.
  virtual int64_t parts() const = 0;
  /// Keys [n, dim_k] and values [n, dim_v] of a part, in the call's kv_type; gone when the next part is asked for.
  virtual RowBlock key_rows(int64_t part) = 0;
  virtual RowBlock value_rows(int64_t part) = 0;

 private:
  void part_logits(const FloatRows &q, const RowBlock &k, float *out, int64_t out_stride);
  void part_values(const FloatRows &weights, const RowBlock &v, const TileSums &sums);
  void values_by_panels(const FloatRows &weights, const RowBlock &v, const TileSums &sums);
  void to_bf16(const FloatRows &weights, int64_t n);

  const AttentionShape &shape_;
  const LevelOps &ops_;
  float *panel_;
};

/// Keys and values where a call's pointers and strides say.
class DenseRows final : public RowProducts {
 public:
  DenseRows(const AttentionCall &call, const AttentionShape &shape, const LevelOps &ops,
            const AttentionTile &tile);
  void start(const FloatRows &q, int64_t begin, int64_t end) override;
  bool next(KeyRange *range) override;

 private:
  int64_t parts() const override { return 1; }
  RowBlock key_rows(int64_t part) override;
  RowBlock value_rows(int64_t part) override;
  RowBlock rows(const void *data, const AttentionStrides &stride, int64_t dim, int64_t head,
                const KeyRange &range) const;
  RowBlock fetching(RowBlock rows, const RowBlock &next) const;

  const AttentionCall &call_;
  const AttentionTile &tile_;
  int64_t key_block_, begin_ = 0, at_ = 0, end_ = 0;
  enum class Fetch { nothing, a_little_ahead, what_comes_next } fetch_ = Fetch::nothing;
  KeyRange range_ = {};
};

}  // namespace kvern::kernels
