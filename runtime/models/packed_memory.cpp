#include "runtime/models/packed_memory.hpp"

#include <cstring>
#include <new>

#include "devices/cpu/huge_page_allocator.hpp"

namespace kvern::models {
namespace {

constexpr size_t aligned(int64_t bytes) { return (static_cast<size_t>(bytes) + 63) / 64 * 64; }

/// One for all matrices, which follow each other in whole pages.
std::shared_ptr<void> take(size_t bytes) {
  static auto &allocator = *new HugePageAllocator;
  void *data = allocator.take(bytes);
  if (!data) throw std::bad_alloc();
  return {data, [bytes](void *memory) { allocator.give_back(memory, bytes); }};
}

}  // namespace

PackedMemory take_packed(const kernels::PackedMatrix &shape, bool zeros, bool order) {
  const size_t codes = aligned(shape.code_bytes()), scales = aligned(2 * shape.scale_count()),
               zero_bytes = zeros ? aligned(shape.scale_count()) : 0,
               order_bytes = order ? aligned(4 * shape.k) : 0;
  const size_t bytes = codes + scales + zero_bytes + order_bytes;
  const std::shared_ptr<void> memory = take(bytes);
  auto *at = static_cast<uint8_t *>(memory.get());
  std::memset(at, 0, bytes);
  PackedMemory to;
  to.target = {at, reinterpret_cast<uint16_t *>(at + codes)};
  if (zeros) to.zeros = at + codes + scales;
  if (order) to.order = reinterpret_cast<int32_t *>(at + codes + scales + zero_bytes);
  to.weight.matrix = shape;
  to.weight.matrix.codes = to.target.codes;
  to.weight.matrix.scales = to.target.scales;
  to.weight.matrix.zeros = to.zeros;
  to.weight.matrix.order = to.order;
  to.weight.owner = memory;
  return to;
}

}  // namespace kvern::models
