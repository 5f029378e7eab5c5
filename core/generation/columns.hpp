// Rows of token ids as the columns of a batch, right-aligned: the last token of every row is in the last column.
#pragma once
#include <cstdint>
#include <kvern/model.hpp>
#include <kvern/step.hpp>
#include <vector>

namespace kvern {

using TokenRows = std::vector<std::vector<int64_t>>;

/// The tokens of one step.
struct Chunk {
  StepRequest request;
  at::Tensor ids;  ///< int64 [R, n_new]
};

/// Columns that are padding in every row are not counted. Borrows the rows.
class Columns {
 public:
  /// padding: [R] leading ids of each row that are padding.
  Columns(const TokenRows &rows, const std::vector<int64_t> &padding);

  int64_t rows() const { return static_cast<int64_t>(tokens_.size()); }
  int64_t count() const { return count_; }
  /// [R] tokens of each row, padding not counted.
  const std::vector<int64_t> &tokens() const { return tokens_; }
  /// Of the longest row, padding included.
  int64_t total_length() const { return total_length_; }
  /// Position of column c in row r; negative: padding.
  int64_t position(int64_t r, int64_t c) const { return c - count_ + tokens_[static_cast<size_t>(r)]; }
  /// [R] positions of column c.
  std::vector<int64_t> positions(int64_t c) const;

  /// Columns [begin, end).
  Chunk chunk(int64_t begin, int64_t end) const;
  /// Of each row the tokens at positions [begin[r], end[r]): ragged rows, padded on the right.
  Chunk ragged(const std::vector<int64_t> &begin, const std::vector<int64_t> &end) const;

 private:
  int64_t id(int64_t r, int64_t position) const;

  const TokenRows &rows_;
  std::vector<int64_t> tokens_;
  int64_t count_ = 0, total_length_ = 0;
};

}  // namespace kvern
