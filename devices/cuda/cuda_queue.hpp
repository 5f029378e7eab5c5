// A card as a queue: kernels and memory on one stream, host arrays of calls uploaded in its order.
#pragma once
#include <memory>

#include "devices/cuda/driver.hpp"
#include "devices/queue.hpp"

namespace kvern::device {

std::unique_ptr<Queue> make_cuda_queue(std::unique_ptr<Driver> driver, int number);

}  // namespace kvern::device
