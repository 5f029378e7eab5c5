// The entry of a device's library: the same over the CUDA runtime and over the emulation.
#include <cstdio>

#include "devices/cuda/cuda_queue.hpp"
#include "devices/device_library.hpp"

extern "C" __attribute__((visibility("default"))) kvern::Queue *kvern_open_device(int number,
                                                                                  const char *build,
                                                                                  char *why,
                                                                                  std::size_t size) try {
  if (build == kvern::device_build())
    return kvern::device::make_cuda_queue(kvern::device::open_driver(number), number).release();
  std::snprintf(why, size, "its library is of another build: %s", kvern::device_build().c_str());
  return nullptr;
} catch (const std::exception &e) {
  std::snprintf(why, size, "%s", e.what());
  return nullptr;
}
