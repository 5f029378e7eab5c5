#include "runtime/models/packed_memory.hpp"

#include <cstring>

#include "devices/cpu/cpu_queue.hpp"

namespace kvern::models {
namespace {

constexpr size_t aligned(int64_t bytes) { return (static_cast<size_t>(bytes) + 63) / 64 * 64; }

}  // namespace

PackedMemory take_packed(const kernels::PackedMatrix &shape, bool zeros, bool order) {
  const size_t codes = aligned(shape.code_bytes()), scales = aligned(2 * shape.scale_count()),
               zero_bytes = zeros ? aligned(shape.scale_count()) : 0,
               order_bytes = order ? aligned(4 * shape.k) : 0;
  const auto memory =
      std::make_shared<DeviceMemory>(cpu_queue().take(codes + scales + zero_bytes + order_bytes));
  auto *at = static_cast<uint8_t *>(memory->data());
  std::memset(at, 0, memory->bytes());
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
