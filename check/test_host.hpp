// A host with fault injection, for tests of caches: fresh memory is not a number, allocations fail when told to, memory may move
// whenever the contract allows it, and every misuse of memory is written down. Free of LibTorch and of the product's host.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "check/simulated_device.hpp"

namespace kvern::conformance {

/// Not thread-safe: one host per thread.
class TestHost {
 public:
  /// moving: a layer's buffers are in place only while that layer is at work, at a new address each time, and only the
  /// slices that were asked for; what was written outside the announced slices is lost.
  explicit TestHost(bool moving = false);
  /// Caches are made on a simulated device, which executes their work in the order of this schedule.
  explicit TestHost(const Schedule &schedule);
  ~TestHost();
  TestHost(const TestHost &) = delete;
  TestHost &operator=(const TestHost &) = delete;

  const kvern_host *table() const { return &table_; }
  /// NULL where caches live on the CPU.
  SimulatedDevice *device() const { return device_.get(); }
  DLDevice place() const { return device_ ? SimulatedDevice::kDevice : DLDevice{kDLCPU, 0}; }
  void *stream() const { return device_ ? device_->stream(SimulatedDevice::main) : nullptr; }

  /// Before the first cache is made; the table is borrowed.
  void offer(const std::string &id, const void *table) { extensions_[id] = table; }
  /// A table that lives as long as the host.
  template <class Table>
  const Table *keep(const Table &table) {
    kept_.push_back(std::make_shared<Table>(table));
    return static_cast<const Table *>(kept_.back().get());
  }
  /// Work of an extension on these tensors: at once, or on the device in the order of the stream.
  void run(void *stream, const char *what, const std::vector<DLTensor> &uses,
           const std::function<void()> &work);

  /// The model's layers, for extensions.
  void set_layers(const std::vector<kvern_layer> &layers) { layers_ = layers; }
  const kvern_layer &layer(int32_t number) const { return layers_.at(static_cast<std::size_t>(number)); }

  /// After `successes` more allocations one fails, or with for_ever all that follow. Negative: none.
  void fail_alloc(int64_t successes, bool for_ever = false);
  bool may_fail() const { return until_failure_ >= 0; }
  /// No more than so many bytes at a time; 0 = no limit.
  void set_budget(int64_t bytes) { budget_ = bytes; }
  /// The same for pinned host memory alone; the other one is for all other memory.
  void set_host_budget(int64_t bytes) { host_budget_ = bytes; }

  /// A call names this layer (or, with -1, none): buffers of other layers leave.
  void enter(int32_t layer);

  int64_t live_buffers() const { return static_cast<int64_t>(live_.size()); }
  int64_t live_bytes() const { return live_bytes_; }
  /// Of these, in pinned host memory.
  int64_t live_host_bytes() const { return live_host_bytes_; }
  int64_t peak_bytes() const { return peak_bytes_; }
  void reset_peak() { peak_bytes_ = live_bytes_; }
  int64_t allocations() const { return allocations_; }
  int64_t refused() const { return refused_; }
  /// Bytes that moving memory carried to its place, and back.
  int64_t bytes_loaded() const { return loaded_; }
  int64_t bytes_written_back() const { return written_back_; }
  /// What the cache did that it must not: empty if all is well.
  const std::vector<std::string> &violations() const { return violations_; }
  /// Whether a cache has asked for this extension.
  bool was_asked(const std::string &id) const { return asked_.count(id) > 0; }
  /// The lines of the host's log.
  const std::vector<std::string> &lines() const { return lines_; }
  void report(const std::string &violation) { violations_.push_back(violation); }

 private:
  struct Memory;

  static kvern_status alloc(void *, const DLTensor *, int32_t, kvern_buffer **, kvern_error *);
  static void release(void *, kvern_buffer *);
  static kvern_status map(void *, kvern_buffer *, const kvern_span *, const kvern_span *, void **,
                          kvern_error *);
  static void log(void *, int32_t, const char *);
  static const void *extension(void *, const char *);

  Memory *find(kvern_buffer *buffer, const char *what);
  bool refuses(int64_t bytes, bool pinned);
  bool has_place(DLDevice device) const;
  void evict(Memory &memory);
  void bring(Memory &memory, const kvern_span *reads);
  bool valid(const Memory &memory, const kvern_span *span);

  kvern_host table_;
  bool moving_;
  int32_t active_layer_ = -1;
  int64_t until_failure_ = -1;
  bool fail_for_ever_ = false;
  int64_t budget_ = 0, host_budget_ = 0, live_bytes_ = 0, live_host_bytes_ = 0, peak_bytes_ = 0,
          allocations_ = 0, refused_ = 0, loaded_ = 0, written_back_ = 0;
  std::set<Memory *> live_;
  std::set<std::string> asked_;
  std::map<std::string, const void *> extensions_;
  std::vector<std::shared_ptr<const void>> kept_;
  std::vector<kvern_layer> layers_;
  std::vector<std::string> violations_, lines_;
  std::unique_ptr<SimulatedDevice> device_;
};

}  // namespace kvern::conformance
