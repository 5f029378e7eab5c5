#include "plugins/mamba/states.hpp"

#include <algorithm>
#include <kvern/sdk/growth.hpp>

namespace kvern::mamba {
namespace {

constexpr int64_t kMaxRows = int64_t{1} << 24;  // of a saved cache

}  // namespace

States::States(const sdk::Host &host, const sdk::Layers &layers) : host_(host) {
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) {
    first_.push_back(buffers_.size());
    if (layers[i].kind != KVERN_LAYER_STATE) continue;
    for (const sdk::StateShape &state : layers[i].states) {
      buffers_.emplace_back(host, i, state);
      layer_of_.push_back(i);
    }
  }
}

int64_t States::tokens() const {
  int64_t most = 0;
  for (const int64_t position : next_pos_) most = std::max(most, position);
  return most;
}

// ---- a step

void States::check_rows(const sdk::Step &step) const {
  if (!any()) return;  // the other cache checks its own rows
  if (step.import())
    sdk::fail(KVERN_UNSUPPORTED,
              "recurrent states cannot be made of another cache's keys: feed the text again");
  if (rows() == 0) return;
  if (step.rows != rows())
    sdk::fail(KVERN_INVALID_ARGUMENT, "a step of ", step.rows, " rows on a cache that holds ", rows());
  for (int64_t row = 0; row < rows(); ++row) {
    if (step.row_pos[row] == next_pos_[row]) continue;
    sdk::fail(KVERN_INVALID_ARGUMENT, "row ", row, " begins at position ", step.row_pos[row],
              ", it has to continue at ", next_pos_[row]);
  }
}

void States::reserve_step(const sdk::Step &step) {
  check_rows(step);
  const int64_t n_new = step.tentative() ? step.n_new : 0;
  sdk::reserve_all(
      buffers_, [&](StateBuffer &buffer, std::size_t) { buffer.reserve(step.rows, n_new); },
      [](StateBuffer &buffer, std::size_t) { buffer.drop_reserved(); });
}

void States::commit_step(const sdk::Step &step) {
  for (StateBuffer &buffer : buffers_) {
    buffer.commit_reserved(rows());
    if (rows() == 0) buffer.clear(step.rows);
  }
  step_ = &step;
}

void States::drop_reserved() noexcept {
  for (StateBuffer &buffer : buffers_) buffer.drop_reserved();
}

void States::export_to(int layer, int slot, DLTensor *read, DLTensor *write) {
  buffers_[first_[static_cast<std::size_t>(layer)] + static_cast<std::size_t>(slot)].export_to(
      step_->rows, step_->n_new, read, write);
}

void States::end(const std::function<int64_t(int64_t row)> &keep) {
  std::vector<int64_t> kept;
  int64_t most = 0;
  for (int64_t row = 0; row < step_->rows; ++row) {
    kept.push_back(std::min(keep(row), step_->row_new[static_cast<std::size_t>(row)]));
    most = std::max(most, kept.back());
  }
  if (most > 0) close(kept);
  for (StateBuffer &buffer : buffers_) buffer.end_step();
  step_ = nullptr;
}

void States::close(const std::vector<int64_t> &kept) {
  if (rows() == 0) next_pos_ = step_->row_pos;
  for (std::size_t row = 0; row < kept.size(); ++row) next_pos_[row] += kept[row];
  for (StateBuffer &buffer : buffers_) {
    if (!buffer.is_written()) continue;
    if (!step_->tentative()) {
      buffer.take_all();
      continue;
    }
    for (std::size_t row = 0; row < kept.size(); ++row)
      if (kept[row] > 0) buffer.take(static_cast<int64_t>(row), step_->n_new, kept[row] - 1);
  }
}

// ---- rows

void States::reserve_rows(int64_t rows) {
  sdk::reserve_all(
      buffers_, [&](StateBuffer &buffer, std::size_t) { buffer.reserve(rows, 0); },
      [](StateBuffer &buffer, std::size_t) { buffer.drop_reserved(); });
}

void States::gather(sdk::Rows order) {
  std::vector<int64_t> positions;
  for (const int64_t row : order) positions.push_back(next_pos_[static_cast<std::size_t>(row)]);
  for (StateBuffer &buffer : buffers_) {
    buffer.commit_reserved(rows());
    buffer.gather(order);
  }
  next_pos_ = std::move(positions);
}

void States::append(const States &other) {
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    buffers_[i].commit_reserved(rows());
    if (other.rows() > 0) buffers_[i].copy_rows(rows(), other.buffers_[i], other.rows());
  }
  next_pos_.insert(next_pos_.end(), other.next_pos_.begin(), other.next_pos_.end());
}

// ---- copies and streams

States::States(const States &other) : host_(other.host_), layer_of_(other.layer_of_), first_(other.first_) {
  for (const StateBuffer &buffer : other.buffers_) buffers_.push_back(buffer.empty_like());
  if (other.rows() == 0) return;
  reserve_rows(other.rows());
  append(other);
}

void States::save(sdk::Writer &out) const {
  out.number(rows());
  for (const int64_t position : next_pos_) out.number(position);
  if (rows() == 0) return;
  for (const StateBuffer &buffer : buffers_) buffer.save(out, rows());
}

void States::load(sdk::Reader &in) {
  next_pos_.clear();
  const int64_t rows = in.integer("rows", 0, kMaxRows);
  std::vector<int64_t> positions = in.integers(rows);
  for (StateBuffer &buffer : buffers_)
    if (rows > 0) buffer.load(in, rows);
  next_pos_ = std::move(positions);
}

void States::add_bytes(int layer, kvern_info &info) const {
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    if (layer >= 0 && layer_of_[i] != layer) continue;
    info.bytes_device += buffers_[i].bytes();
    if (info.bytes_used >= 0) info.bytes_used += rows() * buffers_[i].bytes_of_row();
  }
}

}  // namespace kvern::mamba
