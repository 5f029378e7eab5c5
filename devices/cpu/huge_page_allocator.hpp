// Memory of many megabytes for a cache's buffers, cut from blocks in large pages: keys and values are read from end to
// end in each step, which through pages of 4 KiB goes at half to two thirds of the speed. Not for small buffers.
#pragma once
#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

namespace kvern {

/// Buffers that follow each other in time lie side by side. What is given back returns to the system in whole large
/// pages as soon as nothing lives in them, and the end of a block is cut anew; the block goes with its last buffer.
/// [any thread]
class HugePageAllocator {
 public:
  /// Buffers from here on are worth it.
  static constexpr std::size_t kLeast = std::size_t{64} << 10;

  HugePageAllocator() = default;
  /// Blocks whose buffers were never given back stay mapped.
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
