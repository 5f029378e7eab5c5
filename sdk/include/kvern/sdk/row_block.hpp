// Keys and values of some tokens of one row, in all layers: the unit of memory of caches whose rows are lists of blocks. Slots
// only, no positions.
#pragma once
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/step.hpp>
#include <kvern/sdk/stream.hpp>
#include <memory>

KVERN_SDK_BEGIN

/// What all blocks of a cache have in common.
struct BlockLayout {
  struct Part {
    int layer;
    int64_t heads, dim_k, dim_v;
    bool values_in_keys;
    /// Keys and values lie in one buffer, and are mapped by one call.
    bool joint() const { return !values_in_keys && dim_k == dim_v; }
  };

  /// Throws unless all layers keep keys and values of the tokens themselves.
  BlockLayout(const Create &create, int64_t slots)
      : host(create.host), type(create.type), slots(slots), part_of(create.layers.size(), -1) {
    require_attention_layers(create);
    if (element_bytes(type) < 1) fail(KVERN_UNSUPPORTED, "keys of ", int{type.bits}, " bits");
    for (std::size_t i = 0; i < create.layers.size(); ++i) {
      const Layer &layer = create.layers[i];
      if (layer.kind != KVERN_LAYER_ATTENTION) continue;
      part_of[i] = static_cast<int>(parts.size());
      parts.push_back(
          {static_cast<int>(i), layer.kv_heads, layer.head_dim_k, layer.head_dim_v, layer.values_in_keys()});
    }
  }

  /// Bytes of one token in a layer.
  int64_t token_bytes(const Part &part) const {
    return part.heads * (part.dim_k + (part.values_in_keys ? 0 : part.dim_v)) * element_bytes(type);
  }

  Host host;
  DLDataType type;
  int64_t slots;  ///< of a block
  std::vector<Part> parts;
  std::vector<int> part_of;  ///< by layer; -1: not this cache's
};

/// Where the keys and values of a layer are in a block: of head 0, slot 0.
struct BlockAddress {
  std::byte *k, *v;
  int64_t k_head, v_head, k_slot, v_slot;  ///< bytes from head to head, from slot to slot
};

class RowBlock {
 public:
  /// Memory of all layers; throws the host's failure.
  explicit RowBlock(std::shared_ptr<const BlockLayout> shared)
      : shared_(std::move(shared)), layout_(*shared_) {
    const BlockLayout &layout = layout_;
    for (const BlockLayout::Part &part : layout.parts) {
      const int64_t both = part.joint() ? 2 : 1;
      memory_.push_back(
          {Buffer(layout.host, part.layer, layout.type, {both, part.heads, layout.slots, part.dim_k}),
           part.joint() || part.values_in_keys
               ? Buffer()
               : Buffer(layout.host, part.layer, layout.type, {1, part.heads, layout.slots, part.dim_v})});
    }
  }

  /// To be called for all blocks that are about to be read, stage by stage.
  void prefetch_memory(int part) const {
    const auto *memory = reinterpret_cast<const std::byte *>(&memory_[part]);
    for (std::size_t at = 0; at < sizeof(Memory); at += 64) __builtin_prefetch(memory + at);
  }
  void prefetch_host(int part) const {
    memory_[part].keys.prefetch_host();
    if (memory_[part].values) memory_[part].values.prefetch_host();
  }

  /// To read slots [0, used). Valid as Buffer says.
  BlockAddress read(int part, int64_t used) const {
    return address(part, [&](const Buffer &buffer) {
      return const_cast<std::byte *>(buffer.read({2, 0, used}));
    });
  }
  /// To overwrite slots [begin, end).
  BlockAddress fill(int part, int64_t begin, int64_t end) {
    return address(part, [&](const Buffer &buffer) { return buffer.fill({2, begin, end}); });
  }

  /// Slots [slot, slot + count) become tokens [column, column + count) of row `row` of k and v [rows, heads, columns, dim].
  void store(int part, int64_t slot, int64_t count, const DLTensor &k, const DLTensor *v, int64_t row,
             int64_t column) {
    const BlockAddress to = fill(part, slot, slot + count);
    copy_tokens(token(block_of(k), row, column), {to.k + slot * to.k_slot, 0, to.k_head, to.k_slot}, part,
                count, true);
    if (v)
      copy_tokens(token(block_of(*v), row, column), {to.v + slot * to.v_slot, 0, to.v_head, to.v_slot}, part,
                  count, false);
  }
  void clear(int part, int64_t slot, int64_t count) {
    const BlockAddress to = fill(part, slot, slot + count);
    for (int64_t head = 0; head < layout_.parts[part].heads; ++head) {
      std::memset(to.k + head * to.k_head + slot * to.k_slot, 0, static_cast<std::size_t>(count * to.k_slot));
      std::memset(to.v + head * to.v_head + slot * to.v_slot, 0, static_cast<std::size_t>(count * to.v_slot));
    }
  }
  /// Copies slots [slot, slot + count) to tokens [column, ...) of row `row` of k and v; v may be nullptr.
  void copy_to(int part, int64_t slot, int64_t count, const Block &k, const Block *v, int64_t row,
               int64_t column) const {
    const BlockAddress from = read(part, slot + count);
    copy_tokens({from.k + slot * from.k_slot, 0, from.k_head, from.k_slot}, token(k, row, column), part,
                count, true);
    if (v)
      copy_tokens({from.v + slot * from.v_slot, 0, from.v_head, from.v_slot}, token(*v, row, column), part,
                  count, false);
  }
  /// Slots [to, to + count) of all layers become slots [from, from + count) of another block.
  void copy_from(const RowBlock &other, int64_t from, int64_t to, int64_t count) {
    for (int part = 0; part < std::ssize(memory_) && count > 0; ++part) {
      const BlockAddress there = other.read(part, from + count), here = fill(part, to, to + count);
      const Block k{here.k, 0, here.k_head, here.k_slot}, v{here.v, 0, here.v_head, here.v_slot};
      copy_tokens({there.k + from * there.k_slot, 0, there.k_head, there.k_slot}, token(k, 0, to), part,
                  count, true);
      if (layout_.parts[part].values_in_keys) continue;
      copy_tokens({there.v + from * there.v_slot, 0, there.v_head, there.v_slot}, token(v, 0, to), part,
                  count, false);
    }
  }

  /// Slots [0, used) of all layers.
  void save(Writer &out, int64_t used) const {
    for (int part = 0; part < std::ssize(memory_); ++part)
      each_head(part, read(part, used), [&](std::byte *data, int64_t slot) { out.bytes(data, used * slot); });
  }
  void load(Reader &in, int64_t used) {
    for (int part = 0; part < std::ssize(memory_); ++part)
      each_head(part, fill(part, 0, used),
                [&](std::byte *data, int64_t slot) { in.bytes(data, used * slot); });
  }

 private:
  struct Memory {
    Buffer keys, values;  // values: where they do not lie in the buffer of the keys
  };

  template <class Map>
  BlockAddress address(int number, Map map) const {
    const BlockLayout::Part &part = layout_.parts[number];
    const Memory &memory = memory_[number];
    const int64_t size = element_bytes(layout_.type), k_slot = part.dim_k * size,
                  k_head = layout_.slots * k_slot;
    std::byte *k = map(memory.keys);
    if (part.values_in_keys) return {k, k, k_head, k_head, k_slot, k_slot};
    if (part.joint()) return {k, k + part.heads * k_head, k_head, k_head, k_slot, k_slot};
    const int64_t v_slot = part.dim_v * size;
    return {k, map(memory.values), k_head, layout_.slots * v_slot, k_slot, v_slot};
  }

  static Block token(const Block &block, int64_t row, int64_t column) {
    return {block.data + row * block.row_stride + column * block.slot_stride, block.row_stride,
            block.head_stride, block.slot_stride};
  }
  void copy_tokens(const Block &from, const Block &to, int number, int64_t count, bool keys) const {
    const BlockLayout::Part &part = layout_.parts[number];
    const int64_t dim = keys ? part.dim_k : part.dim_v;
    copy_block(from, to, 1, part.heads, count, dim * element_bytes(layout_.type));
  }
  template <class Visit>
  void each_head(int number, const BlockAddress &at, Visit visit) const {
    const BlockLayout::Part &part = layout_.parts[number];
    for (int64_t head = 0; head < part.heads; ++head) visit(at.k + head * at.k_head, at.k_slot);
    for (int64_t head = 0; head < part.heads && !part.values_in_keys; ++head)
      visit(at.v + head * at.v_head, at.v_slot);
  }

  std::shared_ptr<const BlockLayout>
      shared_;  // a block outlives the cache that made it where others share it
  const BlockLayout &layout_;
  std::vector<Memory> memory_;
};

KVERN_SDK_END
