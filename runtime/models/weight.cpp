#include "runtime/models/weight.hpp"

#include <kvern/error.hpp>

#include "devices/queue.hpp"

namespace kvern::models {
namespace {

DeviceMemory take(Queue &queue, size_t bytes) try {
  return queue.take(bytes);
} catch (const std::bad_alloc &) {
  throw Error(ErrorKind::out_of_memory,
              "the device has no memory for " + std::to_string(bytes) + " bytes of weights more");
}

}  // namespace

Weight on_device(const Weight &host, Queue &queue) {
  if (queue.place().device_type == kDLCPU || !host) return host;
  const size_t bytes = static_cast<size_t>(host.size() * kernels::size_of(host.dtype));
  const auto memory = std::make_shared<DeviceMemory>(take(queue, bytes));
  queue.upload(host.data, memory->data(), bytes);
  return {memory->data(), host.dtype, host.shape, memory};
}

}  // namespace kvern::models
