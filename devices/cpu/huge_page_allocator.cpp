// Anonymous mappings, aligned to huge pages by mapping more and unmapping the ends.
#include "devices/cpu/huge_page_allocator.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace kvern {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20, kBlock = std::size_t{32} << 20, kAlignment = 64;

std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

/// `size` bytes, a multiple of kPage, at a multiple of kPage.
char *map_aligned(std::size_t size) {
  void *memory = ::mmap(nullptr, size + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  char *begin = static_cast<char *>(memory), *end = begin + size + kPage;
  char *data = begin + (round_up(reinterpret_cast<std::uintptr_t>(begin), kPage) -
                        reinterpret_cast<std::uintptr_t>(begin));
  if (data > begin) ::munmap(begin, static_cast<std::size_t>(data - begin));
  if (end > data + size) ::munmap(data + size, static_cast<std::size_t>(end - data) - size);
  ::madvise(data, size, MADV_HUGEPAGE);  // where the system has none, small pages do
  return data;
}

}  // namespace

HugePageAllocator::~HugePageAllocator() {
  for (const Block &block : blocks_)
    if (block.live.empty()) ::munmap(block.data, block.size);
}

bool HugePageAllocator::add_block(std::size_t bytes) {
  const std::size_t size = round_up(std::max(bytes, kBlock), kPage);
  if (size < bytes) return false;
  try {
    blocks_.reserve(blocks_.size() + 1);
  } catch (const std::bad_alloc &) {
    return false;
  }
  char *data = map_aligned(size);
  if (data) blocks_.push_back({data, size, {}});
  return data != nullptr;
}

void *HugePageAllocator::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > SIZE_MAX - 2 * kPage) return nullptr;
  bytes = round_up(bytes, kAlignment);
  auto block = std::find_if(blocks_.begin(), blocks_.end(),
                            [bytes](const Block &b) { return b.size - b.used() >= bytes; });
  if (block == blocks_.end()) {
    if (!add_block(bytes)) return nullptr;
    block = blocks_.end() - 1;
  }
  const std::size_t begin = block->used();
  try {
    block->live.emplace_hint(block->live.end(), begin, begin + bytes);
  } catch (const std::bad_alloc &) {
    if (block->live.empty()) drop(block);
    return nullptr;
  }
  return block->data + begin;
}

void HugePageAllocator::drop(std::vector<Block>::iterator block) {
  ::munmap(block->data, block->size);
  blocks_.erase(block);
}

void HugePageAllocator::give_back(void *data, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  char *address = static_cast<char *>(data);
  const auto block = std::find_if(blocks_.begin(), blocks_.end(), [address](const Block &b) {
    return address >= b.data && address < b.data + b.size;
  });
  const auto begin = static_cast<std::size_t>(address - block->data),
             end = begin + round_up(bytes, kAlignment);
  const auto next = block->live.erase(block->live.find(begin));
  if (block->live.empty()) return drop(block);
  // the pages of this buffer that no neighbour reaches into
  const std::size_t lowest = next == block->live.begin() ? 0 : round_up(std::prev(next)->second, kPage);
  const std::size_t highest = next == block->live.end() ? block->size : next->first / kPage * kPage;
  const std::size_t first = std::max(lowest, begin / kPage * kPage),
                    last = std::min(highest, round_up(end, kPage));
  if (first < last) ::madvise(block->data + first, last - first, MADV_DONTNEED);
}

}  // namespace kvern
