#include "core/generation/columns.hpp"

#include <algorithm>

#include "core/torch/torch.hpp"

namespace kvern {

Columns::Columns(const TokenRows &rows, const std::vector<int64_t> &padding) : rows_(rows) {
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto length = static_cast<int64_t>(rows[r].size());
    tokens_.push_back(length - padding[r]);
    count_ = std::max(count_, tokens_.back());
    total_length_ = std::max(total_length_, length);
  }
}

std::vector<int64_t> Columns::positions(int64_t c) const {
  std::vector<int64_t> list;
  for (int64_t r = 0; r < rows(); ++r) list.push_back(position(r, c));
  return list;
}

/// Padding has the id that is written there; beyond either end of a row it is 0, which every vocabulary has.
int64_t Columns::id(int64_t r, int64_t position) const {
  const auto &row = rows_[static_cast<size_t>(r)];
  const auto length = static_cast<int64_t>(row.size());
  const int64_t index = length - tokens_[static_cast<size_t>(r)] + position;
  return index >= 0 && index < length ? row[static_cast<size_t>(index)] : 0;
}

Chunk Columns::chunk(int64_t begin, int64_t end) const {
  Chunk chunk;
  chunk.request.row_pos = positions(begin);
  chunk.request.n_new = end - begin;
  chunk.request.total_length = total_length_;
  chunk.ids = at::empty({rows(), end - begin}, at::kLong);
  auto *ids = chunk.ids.data_ptr<int64_t>();
  for (int64_t r = 0; r < rows(); ++r)
    for (int64_t c = begin; c < end; ++c) *ids++ = id(r, position(r, c));
  return chunk;
}

Chunk Columns::ragged(const std::vector<int64_t> &begin, const std::vector<int64_t> &end) const {
  Chunk chunk;
  StepRequest &request = chunk.request;
  request.row_pos = begin;
  request.total_length = total_length_;
  for (size_t r = 0; r < begin.size(); ++r) request.row_new.push_back(end[r] - begin[r]);
  request.n_new = *std::max_element(request.row_new.begin(), request.row_new.end());
  const int64_t least = *std::min_element(request.row_new.begin(), request.row_new.end());
  chunk.ids = at::empty({rows(), request.n_new}, at::kLong);
  auto *ids = chunk.ids.data_ptr<int64_t>();
  for (size_t r = 0; r < begin.size(); ++r)
    for (int64_t t = 0; t < request.n_new; ++t)
      *ids++ = t < request.row_new[r] ? id(static_cast<int64_t>(r), begin[r] + t) : 0;
  if (least == request.n_new) request.row_new.clear();  // no row is padded
  return chunk;
}

}  // namespace kvern
