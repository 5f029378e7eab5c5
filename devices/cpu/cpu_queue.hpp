// The CPU as a device: kernels run at once, on kvern's threads.
#pragma once
#include "devices/queue.hpp"

namespace kvern {

/// The process's CPU queue; static lifetime. It computes with the threads of set_threads. [any thread]
Queue &cpu_queue();

}  // namespace kvern
