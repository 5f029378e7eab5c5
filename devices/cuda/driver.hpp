// What a queue asks of a card's driver: memory, streams and events. Each library of a device has one: the CUDA runtime's, or that of
// the emulation. Throws DeviceFailure, also for what went wrong in work given earlier.
#pragma once
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

namespace kvern::device {

struct DeviceFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Streams and events are the driver's own; what a stream is given is done in that order.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual int multiprocessors() const = 0;
  /// Makes this the device of the calling thread: before anything else that the thread asks of it, as others may have used another.
  virtual void use() noexcept = 0;

  virtual void *make_stream() = 0;
  /// Returns when the stream has done all that it was given.
  virtual void finish(void *stream) = 0;

  /// Memory of the device in the order of a stream: NULL where there is none left. What is given back may be used by what the
  /// stream was given before.
  virtual void *take(std::size_t bytes, void *stream) = 0;
  virtual void give_back(void *data, void *stream) = 0;
  /// Host memory that the device reads and writes; it is given back when the stream has come there.
  virtual void *take_pinned(std::size_t bytes) = 0;
  virtual void give_back_pinned(void *data, void *stream) = 0;
  /// Between any two places. Plain host memory has been read, or written, at the return.
  virtual void copy(const void *from, void *to, std::size_t bytes, void *stream) = 0;

  virtual void *make_event() = 0;
  virtual void free_event(void *event) = 0;
  virtual void record(void *event, void *stream) = 0;
  virtual void wait(void *stream, void *event) = 0;
};

/// The device of this number. Throws DeviceFailure: one sentence that says what is missing.
std::unique_ptr<Driver> open_driver(int number);

}  // namespace kvern::device
