// The recurrent states of all layers of kind STATE, and which position each row has reached.
#pragma once
#include <kvern/sdk/step.hpp>
#include <functional>
#include <vector>

#include "plugins/mamba/state_buffer.hpp"

namespace kvern::mamba {

/// Verbs that may need memory have two halves: reserve_*, which throws without effect, and commit or drop, which cannot fail.
class States {
 public:
  States(const sdk::Host &host, const sdk::Layers &layers);
  States(const States &other);
  States &operator=(const States &) = delete;

  bool any() const { return !buffers_.empty(); }
  int64_t rows() const { return static_cast<int64_t>(next_pos_.size()); }
  int64_t tokens() const;  ///< positions that the longest row has reached
  int64_t position(std::size_t row) const { return next_pos_[row]; }  ///< of its next token

  /// Room for the step. INVALID_ARGUMENT for rows that do not continue where they ended.
  void reserve_step(const sdk::Step &step);
  void commit_step(const sdk::Step &step);
  void drop_reserved() noexcept;

  void export_to(int layer, int slot, DLTensor *read, DLTensor *write);
  /// Keeps min(keep(row), row_new) new tokens of each row.
  void end(const std::function<int64_t(int64_t row)> &keep);

  void reserve_rows(int64_t rows);
  void gather(sdk::Rows rows);       ///< after reserve_rows of that many
  void append(const States &other);  ///< after reserve_rows of both together
  void reset() { next_pos_.clear(); }

  void save(sdk::Writer &out) const;
  void load(sdk::Reader &in);

  /// Adds the bytes of one layer, or with layer = -1 of all.
  void add_bytes(int layer, kvern_info &info) const;

 private:
  void check_rows(const sdk::Step &step) const;
  void close(const std::vector<int64_t> &kept);

  sdk::Host host_;
  const sdk::Step *step_ = nullptr;
  std::vector<StateBuffer> buffers_;  // by layer, then by slot
  std::vector<int> layer_of_;         // of each of buffers_
  std::vector<std::size_t> first_;    // [layers] its first buffer
  std::vector<int64_t> next_pos_;     // [rows] the position that the next token gets
};

}  // namespace kvern::mamba
