// A bias is computed in host memory; a device reads its own.
#pragma once
#include <kvern/step.hpp>

namespace kvern {

/// The same in memory of the queue's device, valid as long as `memory` is.
inline BiasView on_device(BiasView bias, Queue &queue, DeviceMemory &memory) {
  if (!bias.data || queue.place().device_type == kDLCPU) return bias;
  int64_t n = 1;
  for (int i = 0; i < 4; ++i) n += (bias.shape[i] - 1) * bias.strides[i];
  const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(float);
  memory = queue.take(bytes);
  queue.upload(bias.data, memory.data(), bytes);
  bias.data = memory.floats();
  return bias;
}

}  // namespace kvern
