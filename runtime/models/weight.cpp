#include "runtime/models/weight.hpp"

#include "devices/queue.hpp"

namespace kvern::models {

Weight on_device(const Weight &host, Queue &queue) {
  if (queue.place().device_type == kDLCPU || !host) return host;
  const size_t bytes = static_cast<size_t>(host.size() * kernels::size_of(host.dtype));
  const auto memory = std::make_shared<DeviceMemory>(queue.take(bytes));
  queue.upload(host.data, memory->data(), bytes);
  return {memory->data(), host.dtype, host.shape, memory};
}

}  // namespace kvern::models
