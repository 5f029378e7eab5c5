#include "plugins/mamba/state_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace kvern::mamba {
namespace {

std::size_t size(int64_t bytes) { return static_cast<std::size_t>(bytes); }

}  // namespace

StateBuffer::StateBuffer(const sdk::Host &host, int layer, const sdk::StateShape &state)
    : host_(host),
      mover_(host),
      layer_(layer),
      state_(state),
      elements_(state.elements()),
      row_bytes_(elements_ * sdk::element_bytes(state.type)),
      read_shape_(state.shape),
      write_shape_(state.shape) {
  read_shape_.insert(read_shape_.begin(), 0);
  write_shape_.insert(write_shape_.begin(), 2, 0);
}

StateBuffer StateBuffer::empty_like() const { return {host_, layer_, state_}; }

sdk::Buffer StateBuffer::make(int64_t rows) const { return {host_, layer_, state_.type, {rows, elements_}}; }

void StateBuffer::reserve(int64_t rows, int64_t n_new) {
  try {
    if (rows > capacity()) {
      reserved_held_ = make(rows);
      reserved_next_ = make(rows);
    }
    if (n_new > 0) reserved_by_token_ = make(sdk::product(rows, n_new));
  } catch (...) {
    drop_reserved();
    throw;
  }
}

void StateBuffer::drop_reserved() noexcept {
  reserved_held_ = {};
  reserved_next_ = {};
  reserved_by_token_ = {};
}

void StateBuffer::commit_reserved(int64_t held) {
  if (reserved_held_) {
    if (held > 0) {
      const std::byte *from = held_.read({0, 0, held});
      copy(from, reserved_held_.fill({0, 0, held}), held);
    }
    held_ = std::move(reserved_held_);
    next_ = std::move(reserved_next_);
  }
  by_token_ = std::move(reserved_by_token_);
  drop_reserved();
}

sdk::Placed StateBuffer::states(const std::byte *data, int64_t count, DLDevice place) const {
  return sdk::Placed(const_cast<std::byte *>(data), place, state_.type, {count, elements_}, {elements_, 1});
}

void StateBuffer::copy(const std::byte *from, std::byte *to, int64_t count) const {
  if (mover_.on_device())
    return mover_.copy(states(from, count, host_.device()).tensor(), states(to, count, host_.device()).out());
  std::memcpy(to, from, size(count * row_bytes_));
}

void StateBuffer::clear(int64_t rows) {
  std::byte *data = held_.fill({0, 0, rows});
  if (mover_.on_device()) return mover_.zero(states(data, rows, host_.device()).out());
  std::memset(data, 0, size(rows * row_bytes_));
}

void StateBuffer::export_to(int64_t rows, int64_t n_new, DLTensor *read, DLTensor *write) {
  const DLDevice device = host_.device();
  read_shape_[0] = rows;
  auto *data = const_cast<std::byte *>(held_.read({0, 0, rows}));
  *read = {data, device, static_cast<int>(read_shape_.size()), state_.type, read_shape_.data(), nullptr, 0};
  *write = *read;
  if (by_token_) {
    write_shape_[0] = rows;
    write_shape_[1] = n_new;
    write->ndim = static_cast<int>(write_shape_.size());
    write->shape = write_shape_.data();
    write->data = by_token_.fill({0, 0, by_token_.size(0)});
  } else {
    write->data = next_.fill({0, 0, rows});
  }
  written_ = true;
}

void StateBuffer::take_all() { std::swap(held_, next_); }

void StateBuffer::take(int64_t row, int64_t n_new, int64_t token) {
  const int64_t at = row * n_new + token;
  const std::byte *from = by_token_.read({0, at, at + 1}) + at * row_bytes_;
  copy(from, held_.fill({0, row, row + 1}) + row * row_bytes_, 1);
}

void StateBuffer::end_step() noexcept {
  written_ = false;
  by_token_ = {};
}

void StateBuffer::gather(sdk::Rows rows) {
  const auto n = static_cast<int64_t>(rows.size());
  const int64_t last = *std::max_element(rows.begin(), rows.end()) + 1;
  const std::byte *from = held_.read({0, 0, last});
  std::byte *to = next_.fill({0, 0, n});
  for (int64_t i = 0; i < n; ++i) copy(from + rows[i] * row_bytes_, to + i * row_bytes_, 1);
  std::swap(held_, next_);
}

void StateBuffer::copy_rows(int64_t at, const StateBuffer &other, int64_t n) {
  const std::byte *from = other.held_.read({0, 0, n});
  copy(from, held_.fill({0, at, at + n}) + at * row_bytes_, n);
}

void StateBuffer::save(sdk::Writer &out, int64_t rows) const {
  const std::byte *data = held_.read({0, 0, rows});
  std::vector<std::byte> on_host;
  if (mover_.on_device()) {
    on_host.resize(size(rows * row_bytes_));
    mover_.copy(states(data, rows, host_.device()).tensor(), states(on_host.data(), rows, {kDLCPU, 0}).out());
    data = on_host.data();
  }
  out.bytes(data, rows * row_bytes_);
}

void StateBuffer::load(sdk::Reader &in, int64_t rows) {
  constexpr int64_t kPart = int64_t{1} << 20;
  const int64_t all = sdk::product(rows, row_bytes_);
  std::vector<std::byte> arrived;
  for (int64_t at = 0, part; at < all; at += part) {
    part = std::min(kPart, all - at);
    arrived.resize(size(at + part));
    in.bytes(arrived.data() + at, part);
  }
  reserve(rows, 0);
  commit_reserved(0);
  std::byte *to = held_.fill({0, 0, rows});
  if (mover_.on_device())
    return mover_.copy(states(arrived.data(), rows, {kDLCPU, 0}).tensor(),
                       states(to, rows, host_.device()).out());
  std::memcpy(to, arrived.data(), size(all));
}

}  // namespace kvern::mamba
