// A recurrent state of one layer, for all rows. What a step reads and what it writes are two of these, so that the step can be
// undone.
#pragma once
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/layers.hpp>
#include <kvern/sdk/mover.hpp>
#include <vector>

KVERN_SDK_BEGIN

/// [rows, shape...], or, where a step may be kept in part, one for each new token: [rows, tokens, shape...].
class StateTensor {
 public:
  StateTensor() = default;
  /// tokens 0: one a row.
  StateTensor(const Host &host, int layer, const StateShape &state, int64_t rows, int64_t tokens)
      : type_(state.type),
        device_(host.device()),
        mover_(host),
        tokens_(tokens),
        size_(state.elements() * element_bytes(state.type)),
        buffer_(host, layer, state.type, {rows, std::max<int64_t>(tokens, 1), state.elements()}) {
    shape_ = {rows};
    if (tokens > 0) shape_.push_back(tokens);
    shape_.insert(shape_.end(), state.shape.begin(), state.shape.end());
  }

  int64_t bytes() const { return buffer_.bytes(); }

  void clear() {
    if (!buffer_) return;
    std::byte *data = buffer_.fill(everything());
    if (mover_.on_device()) return mover_.zero(states(data, buffer_.size(0) * buffer_.size(1)).out());
    std::memset(data, 0, static_cast<std::size_t>(buffer_.bytes()));
  }

  /// What the model reads or overwrites. The description points into this object.
  void export_to(DLTensor *out, bool to_be_written) {
    auto *data = to_be_written ? buffer_.fill(everything()) : const_cast<std::byte *>(buffer_.read());
    *out = {data, device_, static_cast<int>(shape_.size()), type_, shape_.data(), nullptr, 0};
  }

  /// One row becomes what the other says of it, behind new token number `token` where it has one for each.
  void take(int64_t row, const StateTensor &other, int64_t token) {
    const int64_t from = other.tokens_ > 0 ? row * other.tokens_ + token : row;
    if (!buffer_) return;
    const std::byte *source = other.buffer_.read() + from * size_;
    std::byte *target = buffer_.write({0, row, row + 1}) + row * size_;
    if (mover_.on_device())
      return mover_.copy(states(const_cast<std::byte *>(source), 1).tensor(), states(target, 1).out());
    std::memcpy(target, source, static_cast<std::size_t>(size_));
  }

  /// The name that plugins written against kvern 1.0 use.
  void hand_out(DLTensor *out, bool to_be_written) { export_to(out, to_be_written); }

 private:
  Span everything() const { return {0, 0, buffer_.size(0)}; }

  /// So many states that lie one behind the other.
  Placed states(std::byte *data, int64_t count) const {
    const int64_t elements = buffer_.size(2);
    return Placed(data, device_, type_, {count, elements}, {elements, 1});
  }

  DLDataType type_{};
  DLDevice device_{};
  Mover mover_;
  int64_t tokens_ = 0, size_ = 0;  // size_: bytes of one state
  std::vector<int64_t> shape_;
  Buffer buffer_;
};

KVERN_SDK_END
