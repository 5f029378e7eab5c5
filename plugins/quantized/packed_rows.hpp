// Packed columns of one layer: a block table for every row, which ends where the residual window begins. It grows and is cut at
// its end only; nothing is quantized twice.
#pragma once
#include <functional>
#include <kvern/sdk/stream.hpp>
#include <span>

#include "kernels/parallel.hpp"
#include "plugins/quantized/slab.hpp"
#include "plugins/quantized/settings.hpp"

namespace kvern::quantized {

/// Dense tokens to be packed: keys and values [rows, heads, slots, dim], slot 0 being column `base`.
struct DenseSource {
  const DLTensor &k, &v;
  int64_t base;
};

class PackedRows {
 public:
  PackedRows(const sdk::Host &host, int layer, int64_t heads, const quant::BlockFormat &format,
             kernels::Dtype type, quant::Search search)
      : host_(host), layer_(layer), heads_(heads), format_(format), type_(type), search_(search) {}

  /// Without any rows.
  PackedRows empty_like() const { return {host_, layer_, heads_, format_, type_, search_}; }

  const quant::BlockFormat &format() const { return format_; }
  kernels::Dtype type() const { return type_; }
  int64_t heads() const { return heads_; }
  int64_t rows() const { return static_cast<int64_t>(rows_.size()); }
  const RowBlocks &row(int64_t row) const { return rows_[static_cast<std::size_t>(row)]; }

  /// The columns at which the packed part of the rows begins, and where the first of them ends.
  int64_t min_begin() const;
  int64_t min_end() const;
  bool empty() const;  ///< no token is packed

  /// Drops everything and becomes this many rows without packed tokens.
  void assign(int64_t rows) {
    rows_.assign(static_cast<std::size_t>(rows), {});
    counted_ = false;
  }

  /// Reserves so many more blocks of a row; undone by drop_reserves. Throws the host's failure.
  void reserve(int64_t row, int64_t blocks);
  void drop_reserves();

  /// Packs the next blocks(row) blocks of each row, for which there is a reserve. Does not fail but where memory moves.
  void pack(const std::function<int64_t(int64_t row)> &blocks, const DenseSource &from,
            const kernels::Parallel &parallel);

  /// Drops the columns from `column` on.
  void cut(int64_t column);
  /// The same in one row.
  void cut_row(int64_t row, int64_t column) { cut(rows_[static_cast<std::size_t>(row)], column); }
  /// Moves all columns right (left, if negative).
  void move(int64_t by);
  /// Row i becomes what row rows[i] was, on the same memory.
  void gather(std::span<const int64_t> rows);
  /// Copies of the rows on memory of this one's host, their columns moved by `by`; to be given to `join`.
  std::vector<RowBlocks> copies(const PackedRows &other, int64_t by) const;
  void join(std::vector<RowBlocks> rows);

  /// Writes the columns [row.begin, row.end) of a row to k and v [rows, heads, columns, dim]; v may lie in k where values do.
  void unpack(int64_t row, const DLTensor &k, const DLTensor &v, const kernels::Parallel &parallel) const;

  int64_t bytes() const;       ///< held
  int64_t bytes_used() const;  ///< of these, in blocks that some row has

  /// The packed columns as they are, without what memory they lie in.
  void save(sdk::Writer &out) const;
  /// Into an empty one. Throws sdk::Failure, BAD_DATA, for what save could not have written for `held` columns.
  void load(sdk::Reader &in, int64_t rows, int64_t held);

 private:
  friend class Packing;
  void cut(RowBlocks &row, int64_t column);
  SlabPtr slab(int64_t blocks) const;
  RowBlocks copy(const RowBlocks &row, int64_t by) const;
  void load_row(sdk::Reader &in, RowBlocks &row, int64_t held) const;
  void load_blocks(sdk::Reader &in, RowBlocks &row, int64_t tokens) const;

  sdk::Host host_;
  int layer_;
  int64_t heads_;
  quant::BlockFormat format_;
  kernels::Dtype type_;
  quant::Search search_;
  std::vector<RowBlocks> rows_;

  // bytes and bytes_used, recounted after a change only: a host calls info in every step.
  void count() const;
  mutable bool counted_ = false;
  mutable int64_t bytes_ = 0, bytes_used_ = 0;
};

/// The spans of a row in groups that could lie in one slab: each begins where the one before ends in a full block.
std::vector<std::span<const BlockSpan>> joined(const RowBlocks &row, int64_t block_tokens);
/// Tokens of such a group.
int64_t tokens_of(std::span<const BlockSpan> group);

}  // namespace kvern::quantized
