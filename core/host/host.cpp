// The host's memory, log and extensions, as C functions that no exception leaves.
#include <kvern/error.hpp>
#include <kvern/host.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <cstring>
#include <map>
#include <new>

#include "core/host/error_text.hpp"
#include "devices/cpu/cpu_queue.hpp"
#include "devices/cpu/huge_page_allocator.hpp"
#include "core/host/tensor_text.hpp"

namespace kvern {
namespace {

constexpr size_t kAlignment = 64;

/// What the plugin's kvern_buffer is the beginning of.
struct Buffer {
  kvern_buffer base;
  int64_t bytes;
  int64_t *dims;        ///< shape, then strides
  DeviceMemory device;  ///< of a device that is not the CPU, or pinned for it
};
static_assert(offsetof(Buffer, base) == 0);

/// Under the address sanitizer every buffer lies alone, so that it sees what goes past an end.
bool is_large(int64_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  return bytes < 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return bytes < 0;
#endif
#endif
  return bytes >= static_cast<int64_t>(HugePageAllocator::kMinBytes);
}

void *make_room(HugePageAllocator &memory, int64_t bytes) {
  if (is_large(bytes)) return memory.take(static_cast<size_t>(bytes));
  return std::aligned_alloc(kAlignment, (static_cast<size_t>(bytes) + kAlignment) / kAlignment * kAlignment);
}

/// Memory of the queue's device, or pinned; empty where there is none left.
DeviceMemory take_on_device(Queue &queue, DLDeviceType place, int64_t bytes) try {
  const auto size = static_cast<size_t>(bytes > 0 ? bytes : 1);
  return place == kDLCUDAHost ? queue.take_pinned(size) : queue.take(size);
} catch (const std::bad_alloc &) {
  return {};
}

Buffer *make_buffer(HugePageAllocator &memory, Queue &queue, const DLTensor &prototype, int64_t bytes) {
  const auto ndim = static_cast<size_t>(prototype.ndim);
  const bool plain = prototype.device.device_type == kDLCPU;
  DeviceMemory device = plain ? DeviceMemory() : take_on_device(queue, prototype.device.device_type, bytes);
  auto *buffer = static_cast<Buffer *>(std::malloc(sizeof(Buffer) + 2 * ndim * sizeof(int64_t)));
  if (!buffer) return nullptr;
  void *data = plain ? make_room(memory, bytes) : device.data();
  if (!data) return std::free(buffer), nullptr;
  auto *dims = reinterpret_cast<int64_t *>(buffer + 1);
  int64_t stride = 1;
  for (size_t i = ndim; i-- > 0;) {
    dims[i] = prototype.shape[i];
    dims[ndim + i] = stride;
    if (__builtin_mul_overflow(stride, dims[i], &stride)) stride = 0;  // only beside a size of 0
  }
  const DLTensor tensor = {data, prototype.device, prototype.ndim, prototype.dtype, dims, dims + ndim, 0};
  return new (buffer) Buffer{{tensor}, bytes, dims, std::move(device)};
}

void free_buffer(HugePageAllocator &memory, Buffer *buffer) {
  if (buffer->base.tensor.device.device_type != kDLCPU)
    buffer->device = DeviceMemory();
  else if (is_large(buffer->bytes))
    memory.give_back(buffer->base.tensor.data, static_cast<size_t>(buffer->bytes));
  else
    std::free(buffer->base.tensor.data);
  std::free(buffer);
}

bool fits(const kvern_span *span, const DLTensor &tensor) {
  if (!span) return true;
  if (span->axis < 0 || span->axis >= tensor.ndim) return false;
  return span->begin >= 0 && span->begin <= span->end && span->end <= tensor.shape[span->axis];
}

std::atomic<int> log_level{KVERN_LOG_WARNING};

const char *level_name(int level) {
  if (level >= KVERN_LOG_ERROR) return "error";
  if (level == KVERN_LOG_WARNING) return "warning";
  return level == KVERN_LOG_INFO ? "info" : "debug";
}

// Through std::cerr, so that a program's filter of that stream sees the lines of plugins too.
void log_to_stderr(int level, const std::string &line) {
  if (level < log_level) return;
  std::string text = std::string("kvern: ") + level_name(level) + ": ";
  for (const char c : line) c == '\n' ? text += "\\n" : text += c;
  std::cerr << text + "\n" << std::flush;
}

}  // namespace

void set_log_level(int level) { log_level = level; }

struct Host::State {
  HostOptions options;
  kvern_host table{};
  std::atomic<int64_t> live{0}, peak{0}, buffers{0};
  std::map<std::string, const void *, std::less<>> extensions;
  HugePageAllocator memory;

  /// Counts bytes in, or says that the budget does not allow them.
  bool reserve(int64_t bytes) {
    const int64_t limit = options.memory_budget > 0 ? options.memory_budget : INT64_MAX;
    int64_t now = live.load();
    do {
      if (bytes > limit - now) return false;
    } while (!live.compare_exchange_weak(now, now + bytes));
    int64_t high = peak.load();
    while (high < now + bytes && !peak.compare_exchange_weak(high, now + bytes)) {
    }
    return true;
  }

  Queue &queue() const { return options.queue ? *options.queue : cpu_queue(); }

  bool has_memory_on(DLDevice device) const {
    const DLDevice own = queue().place();
    if (device.device_type == kDLCPU) return true;
    if (own.device_type == kDLCUDA && device.device_type == kDLCUDAHost) return true;
    return device.device_type == own.device_type && device.device_id == own.device_id;
  }

  void log(int level, const char *message) noexcept try {
    const std::string line = message ? message : "";
    if (options.log)
      options.log(level, line);
    else
      log_to_stderr(level, line);
  } catch (...) {  // a log that fails must not stop what it reports on
  }

  kvern_status refuse_budget(const DLTensor &prototype, int64_t bytes, kvern_error *error) const {
    return set_error(error, KVERN_OUT_OF_MEMORY,
                     "the " + options.budget_name + " of " + bytes_text(options.memory_budget) +
                         " has no room for " + bytes_text(bytes) + " more (" + tensor_text(prototype) +
                         "): caches hold " + bytes_text(live.load()));
  }

  kvern_status alloc(const DLTensor &prototype, kvern_buffer **out, kvern_error *error) {
    if (!has_memory_on(prototype.device))
      return set_error(error, KVERN_INVALID_ARGUMENT,
                       "this host has memory on the CPU" +
                           std::string(queue().place().device_type == kDLCPU ? " only" : " and one device") +
                           ", not on device type " +
                           std::to_string(static_cast<int>(prototype.device.device_type)));
    const int64_t bytes = tensor_bytes(prototype);
    if (bytes < 0)
      return set_error(error, KVERN_INVALID_ARGUMENT, "no memory could hold " + tensor_text(prototype));
    if (!reserve(bytes)) return refuse_budget(prototype, bytes, error);
    Buffer *buffer = nullptr;
    try {
      buffer = make_buffer(memory, queue(), prototype, bytes);
    } catch (const std::exception &e) {
      live -= bytes;
      return set_error(error, KVERN_DEVICE_ERROR, e.what());
    }
    if (!buffer) {
      live -= bytes;
      const std::string whose = prototype.device.device_type == kDLCPU ? "the system" : "the device";
      return set_error(
          error, KVERN_OUT_OF_MEMORY,
          whose + " has no memory for " + bytes_text(bytes) + " (" + tensor_text(prototype) + ")");
    }
    ++buffers;
    *out = &buffer->base;
    return KVERN_OK;
  }

  void release(kvern_buffer *released) {
    if (!released) return;
    auto *buffer = reinterpret_cast<Buffer *>(released);
    live -= buffer->bytes;
    --buffers;
    free_buffer(memory, buffer);
  }
};

namespace {

kvern_status map_buffer(kvern_buffer *buffer, const kvern_span *reads, const kvern_span *writes,
                        void **address, kvern_error *error) {
  if (!buffer || !address)
    return set_error(error, KVERN_INVALID_ARGUMENT, "map wants a buffer and an address");
  for (const kvern_span *span : {reads, writes})
    if (!fits(span, buffer->tensor))
      return set_error(error, KVERN_INVALID_ARGUMENT,
                       "map of [" + std::to_string(span->begin) + ", " + std::to_string(span->end) +
                           ") on axis " + std::to_string(span->axis) + " is outside of the buffer " +
                           tensor_text(buffer->tensor));
  *address = buffer->tensor.data;
  return KVERN_OK;
}

}  // namespace

Host::Host(HostOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  kvern_host &table = state_->table;
  table.struct_size = sizeof(kvern_host);
  table.abi_major = KVERN_ABI_MAJOR;
  table.abi_minor = KVERN_ABI_MINOR;
  table.ctx = state_.get();
  table.log = [](void *ctx, int32_t level, const char *message) {
    static_cast<State *>(ctx)->log(level, message);
  };
  table.alloc = [](void *ctx, const DLTensor *prototype, int32_t, kvern_buffer **out, kvern_error *error) {
    if (!prototype || !out)
      return set_error(error, KVERN_INVALID_ARGUMENT, "alloc wants a prototype and an out");
    return static_cast<State *>(ctx)->alloc(*prototype, out, error);
  };
  table.release = [](void *ctx, kvern_buffer *buffer) { static_cast<State *>(ctx)->release(buffer); };
  table.map = [](void *, kvern_buffer *buffer, const kvern_span *reads, const kvern_span *writes,
                 void **address,
                 kvern_error *error) { return map_buffer(buffer, reads, writes, address, error); };
  table.get_extension = [](void *ctx, const char *id) -> const void * {
    const auto &known = static_cast<State *>(ctx)->extensions;
    const auto found = id ? known.find(std::string_view(id)) : known.end();
    return found == known.end() ? nullptr : found->second;
  };
}

Host::~Host() {
  const MemoryStats left = memory();
  if (left.buffers > 0)
    state_->log(KVERN_LOG_WARNING, ("caches never released " + std::to_string(left.buffers) + " buffers, " +
                                    bytes_text(left.live))
                                       .c_str());
}

const kvern_host *Host::table() const { return &state_->table; }

MemoryStats Host::memory() const {
  return {state_->live.load(), state_->peak.load(), state_->buffers.load()};
}

Queue &Host::queue() const { return state_->queue(); }

void Host::offer(const std::string &id, const void *table) {
  if (table)
    state_->extensions[id] = table;
  else
    state_->extensions.erase(id);
}

}  // namespace kvern
