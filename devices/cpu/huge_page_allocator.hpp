// Huge-page allocator for large cache buffers: each step streams all keys and values, which through 4 KiB
// pages reaches half to two thirds of the bandwidth. Not for small buffers.
#pragma once
#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

namespace kvern {

/// Buffers are contiguous in the order of their allocation. Whole huge pages without live buffers return to
/// the system at once, the free end of a block is reused, and a block is unmapped with its last buffer. [any
/// thread]
class HugePageAllocator {
 public:
  /// Smallest buffer, in bytes, for which this allocator pays.
  static constexpr std::size_t kMinBytes = std::size_t{64} << 10;

  HugePageAllocator() = default;
  /// Blocks with live buffers stay mapped.
  ~HugePageAllocator();
  HugePageAllocator(const HugePageAllocator &) = delete;
  HugePageAllocator &operator=(const HugePageAllocator &) = delete;

  /// Aligned to 64 bytes, contents undefined; NULL if the system has no memory.
  void *take(std::size_t bytes);
  void give_back(void *data, std::size_t bytes);

 private:
  struct Block {
    char *data;
    std::size_t size;
    std::map<std::size_t, std::size_t> live;  // buffers: where each begins and ends

    std::size_t used() const { return live.empty() ? 0 : live.rbegin()->second; }
  };
  bool add_block(std::size_t bytes);
  void drop(std::vector<Block>::iterator block);

  std::mutex mutex_;
  std::vector<Block> blocks_;
};

}  // namespace kvern
