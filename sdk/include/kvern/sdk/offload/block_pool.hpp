// Memory on the device for the buffers of the layers that are resident.
#pragma once
#include <algorithm>
#include <kvern/sdk/mover.hpp>
#include <map>
#include <vector>

KVERN_SDK_BEGIN

/// Device memory for one buffer. It may be overwritten when `idle` is done.
struct DeviceBlock {
  kvern_buffer *buffer = nullptr;
  void *address = nullptr;
  kvern_event *idle = nullptr;  ///< NULL: never used
};

/// Free blocks by size, enough of each size that two layers can be resident: blocks are made when a buffer is, not in a step.
class BlockPool {
 public:
  /// How blocks are made, and given back in the order of the current stream, behind block.idle.
  struct Source {
    virtual ~Source() = default;
    virtual DeviceBlock make_block(int64_t bytes) = 0;
    virtual void free_block(const DeviceBlock &block) noexcept = 0;
  };

  explicit BlockPool(Source &source) : source_(source) {}
  BlockPool(const BlockPool &) = delete;
  ~BlockPool() { clear(); }

  /// All blocks have been put back.
  void clear() noexcept {
    for (auto &[bytes, blocks] : blocks_) {
      for (const DeviceBlock &block : blocks.free) source_.free_block(block);
    }
    blocks_.clear();
  }

  /// A layer has at most `in_layer` buffers of this size, and all layers together `in_all`: makes the blocks that are missing. No
  /// effect if it throws.
  void reserve(int64_t bytes, int64_t in_layer, int64_t in_all) {
    Blocks &blocks = blocks_[bytes];
    const int64_t wanted = std::min(2 * in_layer, in_all), before = blocks.count;
    blocks.free.reserve(static_cast<std::size_t>(std::max(wanted, before)));
    try {
      for (; blocks.count < wanted; ++blocks.count) blocks.free.push_back(source_.make_block(bytes));
    } catch (...) {
      for (; blocks.count > before; --blocks.count) free_one(blocks);
      throw;
    }
  }

  /// Frees what is more than two layers need.
  void trim(int64_t bytes, int64_t in_layer, int64_t in_all) noexcept {
    const auto found = blocks_.find(bytes);
    if (found == blocks_.end()) return;
    Blocks &blocks = found->second;
    for (const int64_t wanted = std::min(2 * in_layer, in_all); blocks.count > wanted && !blocks.free.empty();
         --blocks.count)
      free_one(blocks);
    if (blocks.count == 0) blocks_.erase(found);
  }

  DeviceBlock take(int64_t bytes) {
    std::vector<DeviceBlock> &free = blocks_.at(bytes).free;
    if (free.empty()) fail(KVERN_INTERNAL, "more than two layers are resident");
    const DeviceBlock block = free.back();
    free.pop_back();
    return block;
  }
  /// It has room: the block came from here.
  void put_back(int64_t bytes, const DeviceBlock &block) noexcept { blocks_.at(bytes).free.push_back(block); }

  int64_t bytes() const {
    int64_t all = 0;
    for (const auto &[bytes, blocks] : blocks_) all += bytes * blocks.count;
    return all;
  }

 private:
  struct Blocks {
    int64_t count = 0;  // free ones and those in use
    std::vector<DeviceBlock> free;
  };

  void free_one(Blocks &blocks) noexcept {
    source_.free_block(blocks.free.back());
    blocks.free.pop_back();
  }

  Source &source_;
  std::map<int64_t, Blocks> blocks_;
};

KVERN_SDK_END
