// A device of ordinary memory for tests of caches that move it: it offers kvern.device/1. Its memory cannot be touched by the CPU
// but while work runs, and begins as not a number; streams do their work in any order that events allow, drawn from a seed.
#pragma once
#include <kvern/abi/device.h>

#include <deque>
#include <functional>
#include <memory>

#include "check/device_memory.hpp"
#include "check/strided.hpp"

namespace kvern::conformance {

/// When work is done. eagerness: of 100 chances to do some before anybody waits for it, how many are taken; 0: nothing is done
/// before somebody waits, 100: everything is done at once, where events allow it.
struct Schedule {
  uint64_t seed = 1;
  int eagerness = 50;
};

/// Bytes that copies carried.
struct Traffic {
  int64_t to_device = 0, from_device = 0, within = 0;
};

/// Not thread-safe: one device per thread.
class SimulatedDevice {
 public:
  static constexpr DLDevice kDevice{kDLCUDA, 0}, kPinned{kDLCUDAHost, 0};
  enum StreamName { to_device = KVERN_STREAM_TO_DEVICE, from_device = KVERN_STREAM_FROM_DEVICE, main };

  /// What a cache does that it must not is written to `violations`.
  SimulatedDevice(const Schedule &schedule, std::vector<std::string> &violations);
  ~SimulatedDevice();
  SimulatedDevice(const SimulatedDevice &) = delete;

  const kvern_device_1 *table() const { return &table_; }
  void *stream(StreamName name);
  DeviceMemory &memory() { return memory_; }

  /// Memory that is there when the main stream has come so far.
  std::byte *take(int64_t bytes, DLDeviceType place);
  /// The memory is dead when what the main stream has been given so far is done.
  void give_back(std::byte *address);

  /// A contiguous copy on the device, in the order of the main stream; to be given back.
  std::byte *upload(const DLTensor &from);
  /// Host memory is filled when the main stream gets there.
  void download(const DLTensor &from, const DLTensor &to);
  /// Work of a host extension, all of whose tensors must be on the device.
  void run(void *stream, const char *what, const std::vector<DLTensor> &uses,
           const std::function<void()> &work);
  /// Does all that the main stream was given, and what that waits for.
  void finish() { finish(stream(main)); }

  const Traffic &traffic() const { return traffic_; }

  /// A planted fault: waits given to this stream are left out.
  void leave_out_waits_of(StreamName name) { deaf_ = stream(name); }

 private:
  struct Event;
  struct Work;
  struct Stream;
  using Run = std::function<void()>;

  static SimulatedDevice &self(void *ctx) { return *static_cast<SimulatedDevice *>(ctx); }
  void fill_table();
  kvern_status copy(const DLTensor &from, const DLTensor &to, void *stream, kvern_error *error);
  kvern_status take(const DLTensor &from, int32_t axis, const int64_t *index, int64_t n, const DLTensor &to,
                    void *stream, kvern_error *error);
  kvern_status move(const DLTensor &tensor, int32_t axis, int64_t begin, int64_t end, int64_t to,
                    void *stream, kvern_error *error);
  kvern_status record(kvern_event *event, void *stream);
  kvern_status wait(void *stream, kvern_event *event);
  kvern_status refuse(kvern_error *error, const std::string &message);

  /// Work of the device that uses these tensors.
  void launch(void *stream, const char *what, std::vector<Strided> uses, Run run);
  void push(void *stream, Work work);
  void finish(void *stream);
  bool do_some();
  int draw(int below);
  void count(const Strided &from, const Strided &to);

  kvern_device_1 table_{};
  std::vector<std::string> &violations_;
  DeviceMemory memory_;
  uint64_t random_;
  int eagerness_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::shared_ptr<Event>> events_;
  void *deaf_ = nullptr;
  Traffic traffic_;
};

}  // namespace kvern::conformance
