// Keys or values of one layer, unquantized, in one buffer [B, H, T, D]; T may be over-allocated. Slots only, no positions. On a CPU
// memory is moved here, on a device through kvern.device/1.
#pragma once
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/extent.hpp>
#include <kvern/sdk/mover.hpp>
#include <kvern/sdk/stream.hpp>
#include <optional>

KVERN_SDK_BEGIN

/// Keys or values of one layer: [rows, heads, slots, dim].
class DenseTensor {
 public:
  DenseTensor() = default;
  DenseTensor(const LayerCreate &layer, int64_t dim) : DenseTensor(layer, dim, layer.create.type) {}
  /// Of another type than the cache's keys: packed ones, say.
  DenseTensor(const LayerCreate &layer, int64_t dim, DLDataType type)
      : host_(layer.create.host),
        mover_(layer.create.host),
        number_(layer.number),
        type_(type),
        heads_(layer.layer.kv_heads),
        dim_(dim) {
    if (element_bytes(type_) < 1) fail(KVERN_UNSUPPORTED, "keys of ", int{type_.bits}, " bits");
  }

  int64_t heads() const { return heads_; }
  int64_t dim() const { return dim_; }
  int64_t bytes() const { return buffer_.bytes(); }
  int64_t slot_bytes() const { return dim_ * element_bytes(type_); }

  Extent allocated() const { return {rows(), slots()}; }

  /// Reallocates to `wanted` and keeps the first used.rows x used.slots. No effect if it throws, also where nothing is used:
  /// the new buffer is allocated before the old one is freed. A caller that needs the memory of an empty tensor first resizes
  /// it to {}.
  void resize(const Extent &wanted, const Extent &used) {
    if (wanted == allocated()) return;
    if (wanted.empty()) {
      buffer_ = Buffer();
      return;
    }
    Buffer grown(*host_, number_, type_, {wanted.rows, heads_, wanted.slots, dim_});
    if (buffer_ && !used.empty()) {
      const Slice from = block(const_cast<std::byte *>(buffer_.read({2, 0, used.slots})), slots());
      const Slice to = block(grown.fill({2, 0, used.slots}), wanted.slots);
      copy_slots(from, to, used);
    }
    buffer_ = std::move(grown);
  }

  /// Undoes a resize. It shrinks by reallocation: where there is no memory for that it stays over-allocated, contents unchanged.
  void restore(const Extent &before, const Extent &used) noexcept {
    try {
      resize(before, used);
    } catch (...) {
    }
  }

  void store(int64_t slot, const DLTensor &tensor) {
    const int64_t count = tensor.shape[2];
    if (count == 0) return;
    const Slice to = block(buffer_.fill({2, slot, slot + count}), slots()).from(slot);
    if (mover_.on_device()) return mover_.copy(tensor, part(to, {tensor.shape[0], count}).out());
    copy_block(block_of(tensor), to, tensor.shape[0], heads_, count, slot_bytes());
  }

  /// Describes the first used.rows x used.slots; dim: the leading elements of each slot to export.
  void read(const Extent &used, int64_t dim, OutTensor &desc, DLTensor *out) const {
    void *data = buffer_ ? const_cast<std::byte *>(buffer_.read({2, 0, used.slots})) : nullptr;
    desc.export_to(out, data, host_->device(), type_, {used.rows, heads_, used.slots, dim},
                   {heads_ * slots() * dim_, slots() * dim_, dim_});
  }

  void clear(int64_t row, int64_t begin, int64_t end) {
    if (begin == end) return;
    const Slice to = block(buffer_.map({2, begin, end}, {2, begin, end}), slots());
    if (mover_.on_device()) return mover_.zero(part(to.row(row).from(begin), {1, end - begin}).out());
    for (int64_t head = 0; head < heads_; ++head) {
      std::memset(to.data + row * to.row_stride + head * to.head_stride + begin * to.slot_stride, 0,
                  static_cast<std::size_t>((end - begin) * to.slot_stride));
    }
  }

  /// Calls change(address) for the vector [dim] of every row, head and slot begin .. end - 1, to be changed in place. On a CPU
  /// only.
  template <class Change>
  void change(int64_t rows, int64_t begin, int64_t end, Change change) {
    if (begin == end) return;
    if (mover_.on_device()) fail(KVERN_INTERNAL, "keys on a device cannot be changed by the CPU");
    const Block to = block(buffer_.map({2, begin, end}, {2, begin, end}), slots()).from(begin);
    each_head(to, rows, [&](std::byte *data) {
      for (int64_t slot = begin; slot < end; ++slot) change(data + (slot - begin) * to.slot_stride);
    });
  }

  /// Calls change(x): x describes slots begin .. end - 1 of the first `rows` rows, to be changed in place.
  template <class Change>
  void change_block(int64_t rows, int64_t begin, int64_t end, Change change) {
    if (!buffer_ || rows == 0 || begin >= end) return;
    std::byte *data = buffer_.map({2, begin, end}, {2, begin, end}) + begin * slot_bytes();
    OutTensor desc;
    DLTensor block;
    desc.export_to(&block, data, host_->device(), type_, {rows, heads_, end - begin, dim_},
                   {heads_ * slots() * dim_, slots() * dim_, dim_});
    change(block);
  }

  /// Row i becomes what row rows[i] was, in place: all rows of 4 KiB of one head are read before any is written.
  void gather(std::span<const int64_t> rows, int64_t used_slots, std::vector<std::byte> &scratch) {
    constexpr int64_t kStretch = 4096;
    if (!buffer_ || used_slots == 0) return;
    const Slice to = block(buffer_.map({2, 0, used_slots}, {2, 0, used_slots}), slots());
    if (mover_.on_device()) {
      return mover_.take_rows(part(to, {this->rows(), used_slots}).tensor(), rows,
                              part(to, {std::ssize(rows), used_slots}).out());
    }
    scratch.resize(rows.size() * kStretch);
    const int64_t size = used_slots * slot_bytes();
    const auto count = static_cast<int64_t>(rows.size());
    for (int64_t head = 0; head < heads_; ++head) {
      std::byte *base = to.data + head * to.head_stride;
      for (int64_t at = 0; at < size; at += kStretch) {
        const auto part = static_cast<std::size_t>(std::min(kStretch, size - at));
        for (int64_t i = 0; i < count; ++i) {
          if (rows[i] != i)
            std::memcpy(scratch.data() + i * kStretch, base + rows[i] * to.row_stride + at, part);
        }
        for (int64_t i = 0; i < count; ++i) {
          if (rows[i] != i) std::memcpy(base + i * to.row_stride + at, scratch.data() + i * kStretch, part);
        }
      }
    }
  }

  /// Moves the used slots right by `by`; the first `by` slots become zero.
  void shift(const Extent &used, int64_t by) {
    const Slice to = block(buffer_.map({2, 0, used.slots}, {2, 0, used.slots + by}), slots());
    if (mover_.on_device()) {
      mover_.move(part(to, {used.rows, used.slots + by}).out(), 2, 0, used.slots, by);
      return mover_.zero(part(to, {used.rows, by}).out());
    }
    for (int64_t row = 0; row < used.rows; ++row) {
      for (int64_t head = 0; head < heads_; ++head) {
        std::byte *begin = to.data + row * to.row_stride + head * to.head_stride;
        std::memmove(begin + by * to.slot_stride, begin,
                     static_cast<std::size_t>(used.slots * to.slot_stride));
        std::memset(begin, 0, static_cast<std::size_t>(by * to.slot_stride));
      }
    }
  }

  /// Drops slots begin .. begin + count - 1: the used ones behind them move left.
  void drop(const Extent &used, int64_t begin, int64_t count) {
    const int64_t behind = used.slots - begin - count;
    if (count == 0 || behind == 0) return;
    const Slice to =
        block(buffer_.map({2, begin + count, used.slots}, {2, begin, begin + behind}), slots()).from(begin);
    if (mover_.on_device())
      return mover_.move(part(to, {used.rows, count + behind}).out(), 2, count, count + behind, 0);
    each_head(to, used.rows, [&](std::byte *data) {
      std::memmove(data, data + count * to.slot_stride, static_cast<std::size_t>(behind * to.slot_stride));
    });
  }
  void drop_front(const Extent &used, int64_t by) { drop(used, 0, by); }

  /// Copies the used part of another tensor to rows `row` .. and slots `slot` .. of this one.
  void append(int64_t row, int64_t slot, const DenseTensor &other, const Extent &used) {
    const Slice from =
        other.block(const_cast<std::byte *>(other.buffer_.read({2, 0, used.slots})), other.slots());
    const bool all_rows = row == 0 && used.rows == rows();
    const Span changed = all_rows ? Span{2, slot, slot + used.slots} : Span{0, row, row + used.rows};
    copy_slots(from, block(buffer_.fill(changed), slots()).row(row).from(slot), used);
  }

  /// Slots begin .. end - 1 of each row and head, row by row.
  void save(Writer &out, int64_t rows, int64_t begin, int64_t end) const {
    const Slice from = block(const_cast<std::byte *>(buffer_.read({2, begin, end})), slots()).from(begin);
    if (mover_.on_device()) return save_from_device(out, from, {rows, end - begin});
    each_head(from, rows, [&](std::byte *data) { out.bytes(data, (end - begin) * slot_bytes()); });
  }
  void load(Reader &in, int64_t rows, int64_t begin, int64_t end) {
    const Slice to = block(buffer_.fill({2, begin, end}), slots()).from(begin);
    if (mover_.on_device()) return load_to_device(in, to, {rows, end - begin});
    each_head(to, rows, [&](std::byte *data) { in.bytes(data, (end - begin) * slot_bytes()); });
  }

  /// A copy with exactly this extent.
  DenseTensor copy(const Extent &used) const {
    DenseTensor other;
    other.host_ = host_, other.mover_ = mover_, other.number_ = number_, other.type_ = type_,
    other.heads_ = heads_, other.dim_ = dim_;
    if (used.rows == 0 || used.slots == 0) return other;
    other.resize(used, {0, 0});
    other.append(0, 0, *this, used);
    return other;
  }

 private:
  struct Slice : Block {
    Slice from(int64_t slot) const {
      return {{data + slot * slot_stride, row_stride, head_stride, slot_stride}};
    }
    Slice row(int64_t row) const { return {{data + row * row_stride, row_stride, head_stride, slot_stride}}; }
  };

  int64_t rows() const { return buffer_ ? buffer_.size(0) : 0; }
  int64_t slots() const { return buffer_ ? buffer_.size(2) : 0; }

  Slice block(std::byte *data, int64_t slots) const {
    const int64_t slot = slot_bytes();
    return {{data, heads_ * slots * slot, slots * slot, slot}};
  }

  /// The first extent.rows x extent.slots of a slice of this device's memory.
  Placed part(const Slice &slice, const Extent &extent) const { return part(slice, extent, host_->device()); }
  Placed part(const Slice &slice, const Extent &extent, DLDevice device) const {
    const int64_t element = element_bytes(type_);
    return Placed(slice.data, device, type_, {extent.rows, heads_, extent.slots, dim_},
                  {slice.row_stride / element, slice.head_stride / element, dim_, 1});
  }

  void copy_slots(const Slice &from, const Slice &to, const Extent &extent) const {
    if (mover_.on_device()) return mover_.copy(part(from, extent).tensor(), part(to, extent).out());
    copy_block(from, to, extent.rows, heads_, extent.slots, slot_bytes());
  }

  /// Plain host memory, which copy has written or read when it returns.
  Slice on_host(std::vector<std::byte> &bytes, const Extent &extent) const {
    bytes.resize(static_cast<std::size_t>(product(extent.rows, heads_, extent.slots, slot_bytes())));
    return block(bytes.data(), extent.slots);
  }
  void save_from_device(Writer &out, const Slice &from, const Extent &extent) const {
    std::vector<std::byte> bytes;
    const Slice to = on_host(bytes, extent);
    mover_.copy(part(from, extent).tensor(), part(to, extent, {kDLCPU, 0}).out());
    out.bytes(bytes.data(), std::ssize(bytes));
  }
  void load_to_device(Reader &in, const Slice &to, const Extent &extent) const {
    std::vector<std::byte> bytes;
    const Slice from = on_host(bytes, extent);
    in.bytes(bytes.data(), std::ssize(bytes));
    mover_.copy(part(from, extent, {kDLCPU, 0}).tensor(), part(to, extent).out());
  }

  template <class Visit>
  void each_head(const Block &block, int64_t rows, Visit visit) const {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t head = 0; head < heads_; ++head)
        visit(block.data + row * block.row_stride + head * block.head_stride);
    }
  }

  std::optional<Host> host_;
  Mover mover_;
  int number_ = -1;
  DLDataType type_{};
  int64_t heads_ = 0, dim_ = 0;
  Buffer buffer_;
};

KVERN_SDK_END
