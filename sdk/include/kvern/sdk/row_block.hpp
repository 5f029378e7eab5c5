// Keys and values of some tokens of one row, in all layers: the unit of memory of caches whose rows are lists of blocks. Slots
// only, no positions. On a CPU memory is moved here, on a device through kvern.device/1.
#pragma once
#include <kvern/sdk/block_packing.hpp>
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/mover.hpp>
#include <kvern/sdk/step.hpp>
#include <kvern/sdk/stream.hpp>
#include <memory>
#include <span>

KVERN_SDK_BEGIN

struct RowPolicy {
  int64_t block_slots = 0;  ///< tokens of a block
  int64_t capacity = -1;    ///< tokens of a row at most; -1 = no limit
  bool recycle = false;     ///< blocks that no row needs any more are kept for later ones until reset
  bool share = true;        ///< append shares the blocks of the other cache; else it copies them
  std::shared_ptr<const BlockPacking> packing = nullptr;  ///< how full blocks are packed; not with `recycle`
  int64_t residual = 0;  ///< the last tokens of a row that stay unpacked, at least
};

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
  BlockLayout(const Create &create, int64_t slots, std::shared_ptr<const BlockPacking> packing = nullptr)
      : host(create.host),
        mover(create.host),
        type(create.type),
        slots(slots),
        packing(std::move(packing)),
        part_of(create.layers.size(), -1) {
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

  /// Could a cache with the other layout read blocks of this one?
  bool shares_with(const BlockLayout &other) const {
    if (slots != other.slots || host.table() != other.host.table()) return false;
    if (!packing || !other.packing) return !packing && !other.packing;
    return packing->equals(*other.packing);
  }

  Host host;
  Mover mover;
  DLDataType type;
  int64_t slots;                                ///< of a block
  std::shared_ptr<const BlockPacking> packing;  ///< of full blocks; nullptr: none
  std::vector<Part> parts;
  std::vector<int> part_of;  ///< by layer; -1: not this cache's
};

/// Memory of one block in all layers, or of several that follow each other in a row: then the tokens of a head follow each other as
/// well, and reading the next block is reading on.
class BlockMemory {
 public:
  struct Part {
    Buffer keys, values;  // values: where they do not lie in the buffer of the keys; packed: all in keys
  };

  /// Throws the host's failure.
  BlockMemory(const BlockLayout &layout, int64_t n_blocks, bool packed) : n_blocks(n_blocks) {
    for (int part = 0; part < std::ssize(layout.parts); ++part)
      parts.push_back(packed ? packed_part(layout, part) : dense_part(layout, layout.parts[part]));
  }

  const int64_t n_blocks;
  std::vector<Part> parts;

 private:
  Part dense_part(const BlockLayout &layout, const BlockLayout::Part &part) const {
    const auto buffer = [&](int64_t tensors, int64_t dim) {
      return Buffer(layout.host, part.layer, layout.type,
                    {tensors, part.heads, n_blocks * layout.slots, dim});
    };
    if (part.joint()) return {buffer(2, part.dim_k), Buffer()};
    return {buffer(1, part.dim_k), part.values_in_keys ? Buffer() : buffer(1, part.dim_v)};
  }
  static Part packed_part(const BlockLayout &layout, int part) {
    return {Buffer(layout.host, layout.parts[part].layer, {kDLUInt, 8, 1}, {layout.packing->bytes(part)}),
            Buffer()};
  }
};

class RowBlock {
 public:
  /// With memory of its own; throws the host's failure. packed: for a block that packs another one, to be filled by pack.
  explicit RowBlock(const std::shared_ptr<const BlockLayout> &shared, bool packed = false)
      : RowBlock(shared, std::make_shared<BlockMemory>(*shared, 1, packed), 0, packed) {}
  /// Block `index` of those that share the memory.
  RowBlock(std::shared_ptr<const BlockLayout> shared, std::shared_ptr<BlockMemory> memory, int64_t index,
           bool packed = false)
      : shared_(std::move(shared)),
        layout_(*shared_),
        is_packed_(packed),
        memory_(std::move(memory)),
        first_(index * layout_.slots) {}

  bool is_packed() const { return is_packed_; }
  /// Which other blocks may share.
  const BlockMemory &memory() const { return *memory_; }
  /// Do these tokens follow those of the other block in memory?
  bool follows(const RowBlock &other) const {
    return memory_ == other.memory_ && first_ == other.first_ + layout_.slots;
  }
  bool ends_memory() const { return first_ + layout_.slots == memory_->n_blocks * layout_.slots; }
  /// Its tokens were packed before: packing them again would round them again.
  bool stays_dense = false;

  // Of a block that is not packed.

  /// To be called for all blocks that are about to be read, stage by stage.
  void prefetch_memory(int part) const {
    const auto *memory = reinterpret_cast<const std::byte *>(&memory_->parts[part]);
    for (std::size_t at = 0; at < sizeof(BlockMemory::Part); at += 64) __builtin_prefetch(memory + at);
  }
  void prefetch_host(int part) const {
    memory_->parts[part].keys.prefetch_host();
    if (memory_->parts[part].values) memory_->parts[part].values.prefetch_host();
  }

  /// To read slots [0, used), and of the blocks that follow this one in memory. Valid as Buffer says.
  BlockAddress read(int part, int64_t used) const {
    return address(part, [&](const Buffer &buffer) {
      return const_cast<std::byte *>(buffer.read({2, first_, first_ + used}));
    });
  }
  /// To overwrite slots [begin, end).
  BlockAddress fill(int part, int64_t begin, int64_t end) {
    return address(part, [&](const Buffer &buffer) {
      return buffer.fill({2, first_ + begin, first_ + end});
    });
  }
  /// Slots [slot, slot + count) become tokens [column, column + count) of row `row` of k and v [rows, heads, columns, dim].
  void store(int part, int64_t slot, int64_t count, const DLTensor &k, const DLTensor *v, int64_t row,
             int64_t column) {
    const BlockAddress to = fill(part, slot, slot + count);
    copy_tokens(token(block_of(k), row, column), keys_at(to, slot), part, count, true);
    if (v) copy_tokens(token(block_of(*v), row, column), values_at(to, slot), part, count, false);
  }
  void clear(int part, int64_t slot, int64_t count) {
    const BlockAddress to = fill(part, slot, slot + count);
    zero(keys_at(to, slot), part, count, true);
    if (!layout_.parts[part].values_in_keys) zero(values_at(to, slot), part, count, false);
  }
  /// Slots [to, to + count) of all layers become slots [from, from + count) of another block, which may be packed.
  void copy_from(const RowBlock &other, int64_t from, int64_t to, int64_t count) {
    for (int part = 0; part < std::ssize(layout_.parts) && count > 0; ++part) {
      const bool in_keys = layout_.parts[part].values_in_keys;
      const BlockAddress here = fill(part, to, to + count);
      const Block k = keys_at(here, to), v = values_at(here, to);
      other.copy_slots(part, from, count, k, in_keys ? nullptr : &v);
    }
  }

  // Of any block.

  /// Copies slots [slot, slot + count) to tokens [column, ...) of row `row` of k and v; v may be nullptr.
  void copy_to(int part, int64_t slot, int64_t count, const Block &k, const Block *v, int64_t row,
               int64_t column) const {
    const Block to_k = token(k, row, column), to_v = v ? token(*v, row, column) : to_k;
    copy_slots(part, slot, count, to_k, v ? &to_v : nullptr);
  }
  /// Of a packed block: its memory, to be read or overwritten.
  const std::byte *packed(int part) const { return memory_->parts[part].keys.read(); }
  std::byte *fill_packed(int part) {
    return memory_->parts[part].keys.fill({0, 0, layout_.packing->bytes(part)});
  }

  /// Slots [0, used) of all layers; packed, all of it.
  void save(Writer &out, int64_t used) const {
    for (int part = 0; part < std::ssize(layout_.parts); ++part) {
      if (is_packed_)
        out.bytes(packed(part), layout_.packing->bytes(part));
      else if (layout_.mover.on_device())
        save_from_device(out, part, used);
      else
        each_head(part, read(part, used),
                  [&](std::byte *data, int64_t slot) { out.bytes(data, used * slot); });
    }
  }
  void load(Reader &in, int64_t used) {
    for (int part = 0; part < std::ssize(layout_.parts); ++part) {
      if (is_packed_)
        in.bytes(fill_packed(part), layout_.packing->bytes(part));
      else if (layout_.mover.on_device())
        load_to_device(in, part, used);
      else
        each_head(part, fill(part, 0, used),
                  [&](std::byte *data, int64_t slot) { in.bytes(data, used * slot); });
    }
  }

 private:
  template <class Map>
  BlockAddress address(int number, Map map) const {
    const BlockLayout::Part &part = layout_.parts[number];
    const BlockMemory::Part &memory = memory_->parts[number];
    const int64_t size = element_bytes(layout_.type), k_slot = part.dim_k * size,
                  slots = memory_->n_blocks * layout_.slots, k_head = slots * k_slot;
    std::byte *k = map(memory.keys) + first_ * k_slot;
    if (part.values_in_keys) return {k, k, k_head, k_head, k_slot, k_slot};
    if (part.joint()) return {k, k + part.heads * k_head, k_head, k_head, k_slot, k_slot};
    const int64_t v_slot = part.dim_v * size;
    return {k, map(memory.values) + first_ * v_slot, k_head, slots * v_slot, k_slot, v_slot};
  }
  static Block keys_at(const BlockAddress &at, int64_t slot) {
    return {at.k + slot * at.k_slot, 0, at.k_head, at.k_slot};
  }
  static Block values_at(const BlockAddress &at, int64_t slot) {
    return {at.v + slot * at.v_slot, 0, at.v_head, at.v_slot};
  }
  static Block token(const Block &block, int64_t row, int64_t column) {
    return {block.data + row * block.row_stride + column * block.slot_stride, block.row_stride,
            block.head_stride, block.slot_stride};
  }

  /// To one row's tokens.
  void copy_slots(int part, int64_t slot, int64_t count, const Block &k, const Block *v) const {
    if (is_packed_) return layout_.packing->unpack(part, packed(part), slot, count, k, v);
    const BlockAddress from = read(part, slot + count);
    copy_tokens(keys_at(from, slot), k, part, count, true);
    if (v) copy_tokens(values_at(from, slot), *v, part, count, false);
  }

  int64_t dim_of(int part, bool keys) const {
    return keys ? layout_.parts[part].dim_k : layout_.parts[part].dim_v;
  }
  /// Memory of a device, [heads, count, dim].
  Placed placed(const Block &block, int part, int64_t count, bool keys, DLDevice device) const {
    const int64_t size = element_bytes(layout_.type), dim = dim_of(part, keys);
    return Placed(block.data, device, layout_.type, {layout_.parts[part].heads, count, dim},
                  {block.head_stride / size, block.slot_stride / size, 1});
  }
  void copy_tokens(const Block &from, const Block &to, int part, int64_t count, bool keys) const {
    const DLDevice device = layout_.host.device();
    if (layout_.mover.on_device())
      return layout_.mover.copy(placed(from, part, count, keys, device).tensor(),
                                placed(to, part, count, keys, device).out());
    copy_block(from, to, 1, layout_.parts[part].heads, count,
               dim_of(part, keys) * element_bytes(layout_.type));
  }
  void zero(const Block &to, int part, int64_t count, bool keys) const {
    if (layout_.mover.on_device())
      return layout_.mover.zero(placed(to, part, count, keys, layout_.host.device()).out());
    for (int64_t head = 0; head < layout_.parts[part].heads; ++head)
      std::memset(to.data + head * to.head_stride, 0, static_cast<std::size_t>(count * to.slot_stride));
  }

  /// Calls visit(keys or values of a dense block, plain memory of the same shape, are they keys).
  template <class Visit>
  void each_tensor(int part, const BlockAddress &at, int64_t used, Visit visit) const {
    std::vector<std::byte> bytes;
    for (const bool keys : {true, false}) {
      if (!keys && layout_.parts[part].values_in_keys) continue;
      const int64_t slot = dim_of(part, keys) * element_bytes(layout_.type);
      bytes.resize(static_cast<std::size_t>(layout_.parts[part].heads * used * slot));
      visit(keys ? keys_at(at, 0) : values_at(at, 0), Block{bytes.data(), 0, used * slot, slot}, keys, bytes);
    }
  }
  void save_from_device(Writer &out, int part, int64_t used) const {
    each_tensor(part, read(part, used), used,
                [&](const Block &from, const Block &to, bool keys, auto &bytes) {
                  layout_.mover.copy(placed(from, part, used, keys, layout_.host.device()).tensor(),
                                     placed(to, part, used, keys, {kDLCPU, 0}).out());
                  out.bytes(bytes.data(), std::ssize(bytes));
                });
  }
  void load_to_device(Reader &in, int part, int64_t used) {
    each_tensor(part, fill(part, 0, used), used,
                [&](const Block &to, const Block &from, bool keys, auto &bytes) {
                  in.bytes(bytes.data(), std::ssize(bytes));
                  layout_.mover.copy(placed(from, part, used, keys, {kDLCPU, 0}).tensor(),
                                     placed(to, part, used, keys, layout_.host.device()).out());
                });
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
  bool is_packed_;
  std::shared_ptr<BlockMemory> memory_;
  int64_t first_;  ///< slot of the memory
};

using RowBlockPtr = std::shared_ptr<RowBlock>;

/// Packs the first of each pair into the second. Layer by layer, since memory of one layer at a time is in place.
inline void pack(const BlockLayout &layout, std::span<const std::pair<RowBlockPtr, RowBlockPtr>> pairs) {
  std::vector<BlockPacking::Task> tasks;
  for (int part = 0; part < std::ssize(layout.parts); ++part) {
    tasks.clear();
    for (const auto &[from, to] : pairs)
      tasks.push_back({from->read(part, layout.slots), to->fill_packed(part)});
    layout.packing->pack(part, tasks);
  }
}

KVERN_SDK_END
