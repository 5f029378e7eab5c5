// What a device's library (lib/kvern/devices/libkvern_NAME.so) and who loads it agree on. Both are of one build: C++ classes cross.
#pragma once
#include <cstddef>
#include <string>

#include "devices/queue.hpp"

namespace kvern {

/// Equal where classes and structs are laid out alike.
inline std::string device_build() {
  constexpr std::size_t sizes = sizeof(Queue) + 3 * sizeof(DeviceMemory) +
                                5 * sizeof(kernels::AttentionCall) + 7 * sizeof(kernels::BatchedMatmulCall) +
                                11 * sizeof(kernels::ExpertsCall) + 13 * sizeof(kernels::DeltaRuleCall) +
                                17 * sizeof(kernels::RouteCall);
  return KVERN_VERSION " (g++ " __VERSION__ ", " + std::to_string(sizes) + ")";
}

/// The symbol: the queue of a device's number, which lives as long as the process; NULL with one sentence in `why` [size].
#define KVERN_OPEN_DEVICE "kvern_open_device"
using OpenDevice = Queue *(*)(int number, const char *build, char *why, std::size_t size);

}  // namespace kvern
