// Streams and events of a SimulatedDevice. Private to it.
#pragma once
#include "check/simulated_device.hpp"

namespace kvern::conformance {

struct SimulatedDevice::Event {
  int recorded = 0, done = 0;  // how often
};

/// A closure, or a wait for an event's number-th record.
struct SimulatedDevice::Work {
  Run run;
  Event *event;
  int number;

  bool ready() const { return !event || event->done >= number; }
};

struct SimulatedDevice::Stream {
  std::deque<Work> work;
};

}  // namespace kvern::conformance
