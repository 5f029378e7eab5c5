// How full blocks of rows are stored in less memory: what a cache whose rows are lists of blocks brings, if it has a way.
#pragma once
#include <kvern/sdk/tensor.hpp>
#include <span>

KVERN_SDK_BEGIN

/// Where the keys and values of a layer are in a block: of head 0, slot 0.
struct BlockAddress {
  std::byte *k, *v;
  int64_t k_head, v_head, k_slot, v_slot;  ///< bytes from head to head, from slot to slot
};

/// Without state but for its settings: blocks, and clones of the cache on other threads, share it. A part is a layer's keys and
/// values in a block, counted as in BlockLayout.
class BlockPacking {
 public:
  struct Task {
    BlockAddress from;  ///< all slots are in use
    std::byte *to;      ///< bytes(part) of them
  };

  virtual ~BlockPacking() = default;

  /// Of one packed block.
  virtual int64_t bytes(int part) const = 0;
  virtual void pack(int part, std::span<const Task> tasks) const = 0;
  /// Slots [slot, slot + count) to k and v, [heads, count, dim] each; v is nullptr where values lie in keys.
  virtual void unpack(int part, const std::byte *from, int64_t slot, int64_t count, const Block &k,
                      const Block *v) const = 0;
  /// Whether a block packed by one may be read by the other.
  virtual bool equals(const BlockPacking &other) const = 0;
};

KVERN_SDK_END
