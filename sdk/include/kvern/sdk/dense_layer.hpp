// Keys and values of one layer as they came, [B, H, T, D] each, T with room to spare. It knows slots, not
// positions.
#pragma once
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/stream.hpp>
#include <optional>

KVERN_SDK_BEGIN

/// So many rows and slots.
struct Room {
  int64_t rows = 0, slots = 0;
};

/// What the constructor of a layer class gets; valid as Create is.
struct LayerCreate {
  const Create &create;
  int number;
  const Layer &layer;
};

/// Keys or values of one layer: [rows, heads, slots, dim].
class DenseTensor {
 public:
  DenseTensor() = default;
  DenseTensor(const LayerCreate &layer, int64_t dim)
      : host_(layer.create.host),
        number_(layer.number),
        type_(layer.create.type),
        heads_(layer.layer.kv_heads),
        dim_(dim) {
    if (element_bytes(type_) < 1) fail(KVERN_UNSUPPORTED, "keys of ", int{type_.bits}, " bits");
  }

  int64_t heads() const { return heads_; }
  int64_t dim() const { return dim_; }
  int64_t bytes() const { return buffer_.bytes(); }
  int64_t slot_bytes() const { return dim_ * element_bytes(type_); }

  /// Becomes room.rows x room.slots and keeps the first used.rows x used.slots. Changes nothing if it throws.
  void resize(const Room &room, const Room &used) {
    if (room.rows == rows() && room.slots == slots()) return;
    if (used.rows == 0 || used.slots == 0) buffer_ = Buffer();
    if (room.rows == 0 || room.slots == 0) return;
    Buffer grown(*host_, number_, type_, {room.rows, heads_, room.slots, dim_});
    if (buffer_ && used.slots > 0) {
      const Block from = block(const_cast<std::byte *>(buffer_.read({2, 0, used.slots})), slots());
      const Block to = block(grown.fill({2, 0, used.slots}), room.slots);
      copy_block(from, to, used.rows, heads_, used.slots, slot_bytes());
    }
    buffer_ = std::move(grown);
  }

  void store(int64_t slot, const DLTensor &tensor) {
    const int64_t count = tensor.shape[2];
    if (count == 0) return;
    const Block to = block(buffer_.fill({2, slot, slot + count}), slots()).from(slot);
    copy_block(block_of(tensor), to, tensor.shape[0], heads_, count, slot_bytes());
  }

  /// dim: of what is handed out, the first numbers of each slot.
  void read(const Room &used, int64_t dim, OutTensor &holder, DLTensor *out) const {
    void *data = buffer_ ? const_cast<std::byte *>(buffer_.read({2, 0, used.slots})) : nullptr;
    holder.hand_out(out, data, host_->device(), type_, {used.rows, heads_, used.slots, dim},
                    {heads_ * slots() * dim_, slots() * dim_, dim_});
  }

  void clear(int64_t row, int64_t begin, int64_t end) {
    const Block to = block(buffer_.map({2, begin, end}, {2, begin, end}), slots());
    for (int64_t head = 0; head < heads_; ++head) {
      std::memset(to.data + row * to.row_stride + head * to.head_stride + begin * to.slot_stride, 0,
                  static_cast<std::size_t>((end - begin) * to.slot_stride));
    }
  }

  /// Calls change(address) for the vector [dim] of every row, head and slot begin .. end - 1, to be changed in place.
  template <class Change>
  void change(int64_t rows, int64_t begin, int64_t end, Change change) {
    if (begin == end) return;
    const Block to = block(buffer_.map({2, begin, end}, {2, begin, end}), slots()).from(begin);
    each_head(to, rows, [&](std::byte *data) {
      for (int64_t slot = begin; slot < end; ++slot) change(data + (slot - begin) * to.slot_stride);
    });
  }

  /// Row i becomes what row rows[i] was, in place: all rows of a stretch of one head are read before any is
  /// written.
  void gather(std::span<const int64_t> rows, int64_t used_slots, std::vector<std::byte> &scratch) {
    constexpr int64_t kStretch = 4096;
    scratch.resize(rows.size() * kStretch);
    const Block to = block(buffer_.map({2, 0, used_slots}, {2, 0, used_slots}), slots());
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

  /// Moves what is used right by so many slots; what is left behind becomes zero.
  void shift(const Room &used, int64_t by) {
    const Block to = block(buffer_.map({2, 0, used.slots}, {2, 0, used.slots + by}), slots());
    for (int64_t row = 0; row < used.rows; ++row) {
      for (int64_t head = 0; head < heads_; ++head) {
        std::byte *begin = to.data + row * to.row_stride + head * to.head_stride;
        std::memmove(begin + by * to.slot_stride, begin,
                     static_cast<std::size_t>(used.slots * to.slot_stride));
        std::memset(begin, 0, static_cast<std::size_t>(by * to.slot_stride));
      }
    }
  }

  /// Forgets the first `by` slots: what is used behind them moves left.
  void drop_front(const Room &used, int64_t by) {
    if (by == 0 || by == used.slots) return;
    const Block to = block(buffer_.map({2, by, used.slots}, {2, 0, used.slots - by}), slots());
    each_head(to, used.rows, [&](std::byte *begin) {
      std::memmove(begin, begin + by * to.slot_stride,
                   static_cast<std::size_t>((used.slots - by) * to.slot_stride));
    });
  }

  /// Copies the other's rows below row `row`, to slots `slot` and later.
  void append(int64_t row, int64_t slot, const DenseTensor &other, const Room &used) {
    const Block from =
        other.block(const_cast<std::byte *>(other.buffer_.read({2, 0, used.slots})), other.slots());
    Block to = block(buffer_.fill({0, row, row + used.rows}), slots()).from(slot);
    to.data += row * to.row_stride;
    copy_block(from, to, used.rows, heads_, used.slots, slot_bytes());
  }

  /// The slots begin .. end - 1 of each row and head, one after the other.
  void save(Writer &out, int64_t rows, int64_t begin, int64_t end) const {
    const Block from = block(const_cast<std::byte *>(buffer_.read({2, begin, end})), slots()).from(begin);
    each_head(from, rows, [&](std::byte *data) { out.bytes(data, (end - begin) * slot_bytes()); });
  }
  void load(Reader &in, int64_t rows, int64_t begin, int64_t end) {
    const Block to = block(buffer_.fill({2, begin, end}), slots()).from(begin);
    each_head(to, rows, [&](std::byte *data) { in.bytes(data, (end - begin) * slot_bytes()); });
  }

  /// A copy with exactly this room.
  DenseTensor copy(const Room &used) const {
    DenseTensor other;
    other.host_ = host_, other.number_ = number_, other.type_ = type_, other.heads_ = heads_,
    other.dim_ = dim_;
    if (used.rows == 0 || used.slots == 0) return other;
    other.resize(used, {0, 0});
    other.append(0, 0, *this, used);
    return other;
  }

 private:
  struct Slice : Block {
    Block from(int64_t slot) const {
      return {data + slot * slot_stride, row_stride, head_stride, slot_stride};
    }
  };

  int64_t rows() const { return buffer_ ? buffer_.size(0) : 0; }
  int64_t slots() const { return buffer_ ? buffer_.size(2) : 0; }

  Slice block(std::byte *data, int64_t slots) const {
    const int64_t slot = slot_bytes();
    return {{data, heads_ * slots * slot, slots * slot, slot}};
  }

  template <class Visit>
  void each_head(const Block &block, int64_t rows, Visit visit) const {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t head = 0; head < heads_; ++head)
        visit(block.data + row * block.row_stride + head * block.head_stride);
    }
  }

  std::optional<Host> host_;
  int number_ = -1;
  DLDataType type_{};
  int64_t heads_ = 0, dim_ = 0;
  Buffer buffer_;
};

/// The layer class of `dynamic` and `static`; fits SlotCache.
class DenseLayer {
 public:
  explicit DenseLayer(const LayerCreate &layer)
      : keys_(layer, layer.layer.head_dim_k),
        dim_v_(layer.layer.head_dim_v),
        shared_(layer.layer.values_in_keys()) {
    if (!shared_) values_ = DenseTensor(layer, dim_v_);
  }

  void resize(const Room &room, const Room &used) {
    each([&](DenseTensor &part) { part.resize(room, used); });
  }
  void store(int64_t slot, const DLTensor &k, const DLTensor *v) {
    keys_.store(slot, k);
    if (!shared_) values_.store(slot, *v);
  }
  void read(const Room &used, OutTensor &k_holder, DLTensor *k, OutTensor &v_holder, DLTensor *v) const {
    keys_.read(used, keys_.dim(), k_holder, k);
    (shared_ ? keys_ : values_).read(used, dim_v_, v_holder, v);
  }
  int64_t bytes() const { return keys_.bytes() + values_.bytes(); }
  int64_t bytes_used(const Room &used) const {
    const int64_t slot = keys_.slot_bytes() + (shared_ ? 0 : values_.slot_bytes());
    return used.rows * used.slots * keys_.heads() * slot;
  }

  void clear(int64_t row, int64_t begin, int64_t end) {
    each([&](DenseTensor &part) { part.clear(row, begin, end); });
  }
  void gather(std::span<const int64_t> rows, int64_t used_slots, std::vector<std::byte> &scratch) {
    each([&](DenseTensor &part) { part.gather(rows, used_slots, scratch); });
  }
  void shift(const Room &used, int64_t by) {
    each([&](DenseTensor &part) { part.shift(used, by); });
  }
  void drop_front(const Room &used, int64_t by) {
    each([&](DenseTensor &part) { part.drop_front(used, by); });
  }
  void append(int64_t row, int64_t slot, const DenseLayer &other, const Room &used) {
    keys_.append(row, slot, other.keys_, used);
    if (!shared_) values_.append(row, slot, other.values_, used);
  }
  void save(Writer &out, int64_t rows, int64_t begin, int64_t end) const {
    keys_.save(out, rows, begin, end);
    if (!shared_) values_.save(out, rows, begin, end);
  }
  void load(Reader &in, int64_t rows, int64_t begin, int64_t end) {
    each([&](DenseTensor &part) { part.load(in, rows, begin, end); });
  }
  DenseLayer copy(const Room &used) const {
    DenseLayer other;
    other.keys_ = keys_.copy(used);
    if (!shared_) other.values_ = values_.copy(used);
    other.dim_v_ = dim_v_;
    other.shared_ = shared_;
    return other;
  }

 protected:
  /// Keys, and values where they are not in the keys.
  template <class Do>
  void each(Do &&call) {
    call(keys_);
    if (!shared_) call(values_);
  }

 private:
  DenseLayer() = default;

  DenseTensor keys_, values_;
  int64_t dim_v_ = 0;
  bool shared_ = false;  // the values lie in the keys
};

/// All layers of a cache with this room, for caches that cut the tokens into pieces. `shared`: their memory stays where it is
/// while layers change, for what lives within a step.
inline std::vector<DenseLayer> dense_layers(const Create &create, const Room &room, bool shared = false) {
  std::vector<DenseLayer> made;
  for (std::size_t i = 0; i < create.layers.size(); ++i) {
    made.emplace_back(LayerCreate{create, shared ? -1 : static_cast<int>(i), create.layers[i]});
    made.back().resize(room, {});
  }
  return made;
}

inline std::vector<DenseLayer> copy_of(const std::vector<DenseLayer> &layers, const Room &used) {
  std::vector<DenseLayer> made;
  for (const DenseLayer &layer : layers) made.push_back(layer.copy(used));
  return made;
}

KVERN_SDK_END
