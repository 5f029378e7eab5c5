// One recurrent state of one layer for all rows, twice: as it is, and as the step at hand writes it.
#pragma once
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/layers.hpp>
#include <kvern/sdk/mover.hpp>
#include <kvern/sdk/stream.hpp>
#include <kvern/sdk/verbs.hpp>
#include <vector>

namespace kvern::mamba {

/// Two buffers [capacity, shape...] of which the first `rows` rows are in use, and in a tentative step a third one, [rows,
/// n_new, shape...]. reserve_* allocates into it without effect on what is held; nothing else allocates.
class StateBuffer {
 public:
  StateBuffer(const sdk::Host &host, int layer, const sdk::StateShape &state);
  /// For the same state, without rows.
  StateBuffer empty_like() const;

  int64_t bytes() const { return held_.bytes() + next_.bytes() + by_token_.bytes(); }
  int64_t bytes_of_row() const { return row_bytes_; }

  // Each throws OUT_OF_MEMORY without effect. Both are followed by commit or drop of what was reserved.
  /// Room for that many rows, and for a state by token of n_new tokens unless that is 0.
  void reserve(int64_t rows, int64_t n_new);
  void drop_reserved() noexcept;
  /// Takes what was reserved; the states held (of `held` rows) stay.
  void commit_reserved(int64_t held);

  void clear(int64_t rows);
  /// What the model reads, and what it writes in full. The descriptions point into this object.
  void export_to(int64_t rows, int64_t n_new, DLTensor *read, DLTensor *write);
  bool is_written() const { return written_; }

  /// All rows become what the step wrote.
  void take_all();
  /// One row becomes what the step wrote for its new token number `token`.
  void take(int64_t row, int64_t n_new, int64_t token);
  void end_step() noexcept;

  /// Row i becomes what row rows[i] was; all are within the capacity.
  void gather(sdk::Rows rows);
  /// Rows [at, at + n) become the other's first n.
  void copy_rows(int64_t at, const StateBuffer &other, int64_t n);

  void save(sdk::Writer &out, int64_t rows) const;
  /// Memory is taken as bytes arrive.
  void load(sdk::Reader &in, int64_t rows);

 private:
  int64_t capacity() const { return held_ ? held_.size(0) : 0; }
  sdk::Buffer make(int64_t rows) const;
  /// `count` states that follow each other, in memory of this place.
  sdk::Placed states(const std::byte *data, int64_t count, DLDevice place) const;
  void copy(const std::byte *from, std::byte *to, int64_t count) const;

  sdk::Host host_;
  sdk::Mover mover_;
  int layer_;
  sdk::StateShape state_;
  int64_t elements_, row_bytes_;
  std::vector<int64_t> read_shape_, write_shape_;
  sdk::Buffer held_, next_, by_token_;
  sdk::Buffer reserved_held_, reserved_next_, reserved_by_token_;
  bool written_ = false;
};

}  // namespace kvern::mamba
