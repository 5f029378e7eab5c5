// Full blocks of a row that share a memory, so that reading the next one is reading on: a change from block to block costs a trip to
// memory.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <kvern/sdk/row_block.hpp>

KVERN_SDK_BEGIN

/// How many blocks a memory is made for, each a multiple of the next: few soon, many where a row is long.
constexpr std::array<int64_t, 2> kJoinedBlocks = {16, 4};

/// Blocks of a row that block i shall share a memory with, itself included, where so many blocks of the row will be full; 1: none.
inline int64_t n_joined(int64_t i, int64_t full) {
  for (const int64_t n : kJoinedBlocks) {
    if (i % n == 0 && i + n <= full) return n;
  }
  return 1;
}

/// Do other rows or caches see it?
inline bool is_shared(const RowBlockPtr &block) {
  if (block.use_count() > 1) return true;
  std::atomic_thread_fence(std::memory_order_acquire);  // what the last other owner did comes before
  return false;
}

/// Do others see a row's block, or those before it in the same memory? Then nothing may be written there.
inline bool is_seen_by_others(const std::vector<RowBlockPtr> &blocks, std::size_t i) {
  while (!is_shared(blocks[i])) {
    if (i == 0 || !blocks[i]->follows(*blocks[i - 1])) return false;
    --i;
  }
  return true;
}

/// Blocks that share a memory. Throws the host's failure.
inline std::vector<RowBlockPtr> make_joined(const std::shared_ptr<const BlockLayout> &layout, int64_t n) {
  const auto memory = std::make_shared<BlockMemory>(*layout, n, false);
  std::vector<RowBlockPtr> blocks;
  for (int64_t i = 0; i < n; ++i) blocks.push_back(std::make_shared<RowBlock>(layout, memory, i));
  return blocks;
}

/// Copies blocks that nobody shares; the copies take their places.
inline void replace(const BlockLayout &layout, std::span<RowBlockPtr> blocks,
                    std::vector<RowBlockPtr> copies) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    copies[i]->copy_from(*blocks[i], 0, 0, layout.slots);
    copies[i]->stays_dense = blocks[i]->stays_dense;
  }
  std::move(copies.begin(), copies.end(), blocks.begin());
}

/// Moves blocks of a row into one memory. Not where one lies in as large a memory, is seen by others, or the host has no memory for it.
inline bool join_blocks(const std::shared_ptr<const BlockLayout> &layout, std::span<RowBlockPtr> blocks) {
  const auto stays = [&](const RowBlockPtr &block) {
    return block->memory().n_blocks >= std::ssize(blocks) || is_shared(block);
  };
  if (std::any_of(blocks.begin(), blocks.end(), stays)) return false;
  try {
    replace(*layout, blocks, make_joined(layout, std::ssize(blocks)));
    return true;
  } catch (const std::exception &) {
    return false;
  }
}

/// Joins blocks [joined, full) of a row, and with them those before that complete a larger memory.
inline void join_full_blocks(const std::shared_ptr<const BlockLayout> &layout,
                             std::vector<RowBlockPtr> &blocks, int64_t full, int64_t &joined) {
  constexpr int64_t kFew = kJoinedBlocks.back();
  while (joined + kFew <= full) {
    joined += kFew;
    for (const int64_t n : kJoinedBlocks) {
      if (joined % n == 0 && join_blocks(layout, std::span(blocks).subspan(joined - n, n))) break;
    }
  }
}

/// Where a row now ends within joined blocks, those that are left move, so that the memory of all goes. Where the host has no memory
/// for it they stay where they are.
inline void separate_last_blocks(const std::shared_ptr<const BlockLayout> &layout,
                                 std::vector<RowBlockPtr> &blocks) {
  if (blocks.empty() || blocks.back()->ends_memory()) return;
  std::size_t first = blocks.size() - 1;
  while (first > 0 && blocks[first]->follows(*blocks[first - 1])) --first;
  const auto left = std::span(blocks).subspan(first);
  if (std::any_of(left.begin(), left.end(), is_shared)) return;
  try {
    std::vector<RowBlockPtr> own;
    for (std::size_t i = 0; i < left.size(); ++i) own.push_back(std::make_shared<RowBlock>(layout));
    replace(*layout, left, std::move(own));
  } catch (const std::exception &) {
  }
}

/// Before a step: what truncation or steps of few tokens have left is put in order.
inline void settle_blocks(const std::shared_ptr<const BlockLayout> &layout, std::vector<RowBlockPtr> &blocks,
                          int64_t full, int64_t &joined) {
  separate_last_blocks(layout, blocks);
  join_full_blocks(layout, blocks, full, joined);
}

KVERN_SDK_END
