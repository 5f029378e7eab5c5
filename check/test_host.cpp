#include "check/test_host.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace kvern::conformance {
namespace {

constexpr int64_t kGuard = 64;
constexpr unsigned char kGuardByte = 0xA5,
                        kNaNByte = 0xFF;  // every floating-point number of 0xFF is not a number

/// Memory with guard zones around it; NaN when it is created and when it is destroyed.
class Place {
 public:
  explicit Place(int64_t bytes)
      : bytes_(bytes),
        all_(static_cast<unsigned char *>(
            std::aligned_alloc(64, static_cast<std::size_t>((bytes + 63) / 64 * 64 + 2 * kGuard)))) {
    std::memset(all_, kGuardByte, static_cast<std::size_t>((bytes + 63) / 64 * 64 + 2 * kGuard));
    std::memset(data(), kNaNByte, static_cast<std::size_t>(bytes));
  }
  Place(const Place &) = delete;
  ~Place() {
    std::memset(data(), kNaNByte, static_cast<std::size_t>(bytes_));
    std::free(all_);
  }
  unsigned char *data() const { return all_ + kGuard; }
  bool intact() const {
    const auto good = [](unsigned char byte) { return byte == kGuardByte; };
    return std::all_of(all_, all_ + kGuard, good) &&
           std::all_of(data() + bytes_, data() + bytes_ + kGuard, good);
  }

 private:
  int64_t bytes_;
  unsigned char *all_;
};

void say(kvern_error *error, const std::string &message) {
  const std::size_t size = std::min(message.size(), sizeof error->message - 1);
  std::memcpy(error->message, message.data(), size);
  error->message[size] = '\0';
}

}  // namespace

struct TestHost::Memory : kvern_buffer {
  std::vector<int64_t> shape;
  int64_t element = 0, bytes = 0;
  int32_t layer = -1;
  std::unique_ptr<Place> home, near;
  std::byte *on_device = nullptr;  // or pinned, in the place of home
  std::vector<char> here;          // of near: which elements have been brought or announced
  std::vector<kvern_span> dirty;

  /// Runs of elements that a slice covers.
  template <class Visit>
  void runs(const kvern_span &span, Visit visit) const {
    int64_t outer = 1, inner = 1;
    for (int axis = 0; axis < static_cast<int>(shape.size()); ++axis) {
      if (axis != span.axis) (axis < span.axis ? outer : inner) *= shape[axis];
    }
    const int64_t size = shape.empty() ? 1 : shape[span.axis];
    for (int64_t i = 0; i < outer; ++i)
      visit((i * size + span.begin) * inner, (span.end - span.begin) * inner);
  }
};

TestHost::TestHost(bool moving) : moving_(moving) {
  table_ = {sizeof table_, KVERN_ABI_MAJOR, KVERN_ABI_MINOR, 0, this, log, alloc, release, map, extension};
}

TestHost::TestHost(const Schedule &schedule) : TestHost(false) {
  device_ = std::make_unique<SimulatedDevice>(schedule, violations_);
  offer(KVERN_DEVICE_1, device_->table());
}

TestHost::~TestHost() {
  for (Memory *memory : live_) delete memory;
}

void TestHost::run(void *stream, const char *what, const std::vector<DLTensor> &uses,
                   const std::function<void()> &work) {
  if (device_)
    device_->run(stream, what, uses, work);
  else
    work();
}

void TestHost::fail_alloc(int64_t successes, bool for_ever) {
  until_failure_ = successes;
  fail_for_ever_ = for_ever;
}

bool TestHost::refuses(int64_t bytes, bool pinned) {
  const int64_t budget = pinned ? host_budget_ : budget_;
  const int64_t held = pinned ? live_host_bytes_ : live_bytes_ - live_host_bytes_;
  if (budget > 0 && held + bytes > budget) return true;
  if (until_failure_ < 0) return false;
  if (until_failure_-- > 0) return false;
  if (fail_for_ever_) until_failure_ = 0;
  return true;
}

bool TestHost::has_place(DLDevice device) const {
  if (device.device_type == kDLCPU) return true;
  return device_ && device.device_id == 0 &&
         (device.device_type == kDLCUDA || device.device_type == kDLCUDAHost);
}

kvern_status TestHost::alloc(void *ctx, const DLTensor *prototype, int32_t layer, kvern_buffer **out,
                             kvern_error *error) {
  auto &host = *static_cast<TestHost *>(ctx);
  ++host.allocations_;
  int64_t elements = 1;
  const int64_t element = prototype->dtype.bits * prototype->dtype.lanes / 8;
  bool impossible = element < 1;
  for (int i = 0; i < prototype->ndim; ++i) {
    impossible |= prototype->shape[i] < 0 || __builtin_mul_overflow(elements, prototype->shape[i], &elements);
  }
  if (impossible || elements > (int64_t{1} << 34)) {
    say(error, "no memory could hold this shape");
    return impossible ? KVERN_INVALID_ARGUMENT : KVERN_OUT_OF_MEMORY;
  }
  if (!host.has_place(prototype->device)) {
    say(error, "this host has no memory on device type " + std::to_string(prototype->device.device_type));
    return KVERN_INVALID_ARGUMENT;
  }
  const bool on_device = prototype->device.device_type != kDLCPU;
  const bool pinned = prototype->device.device_type == kDLCUDAHost;
  if (host.refuses(elements * element, pinned)) {
    ++host.refused_;
    say(error, pinned ? "the test's pinned host memory is used up" : "the test's memory is used up");
    return KVERN_OUT_OF_MEMORY;
  }
  auto *memory = new Memory;
  memory->shape.assign(prototype->shape, prototype->shape + prototype->ndim);
  memory->element = element;
  memory->bytes = elements * element;
  memory->layer = layer;
  if (on_device)
    memory->on_device = host.device_->take(memory->bytes, prototype->device.device_type);
  else
    memory->home = std::make_unique<Place>(memory->bytes);
  memory->tensor = *prototype;
  memory->tensor.data = nullptr;
  memory->tensor.shape = memory->shape.data();
  memory->tensor.strides = nullptr;
  host.live_.insert(memory);
  host.live_bytes_ += memory->bytes;
  if (pinned) host.live_host_bytes_ += memory->bytes;
  host.peak_bytes_ = std::max(host.peak_bytes_, host.live_bytes_);
  *out = memory;
  return KVERN_OK;
}

TestHost::Memory *TestHost::find(kvern_buffer *buffer, const char *what) {
  auto *memory = static_cast<Memory *>(buffer);
  if (live_.count(memory)) return memory;
  violations_.push_back(std::string(what) + " of a buffer that is not there");
  return nullptr;
}

void TestHost::release(void *ctx, kvern_buffer *buffer) {
  auto &host = *static_cast<TestHost *>(ctx);
  if (!buffer) return;
  Memory *memory = host.find(buffer, "release");
  if (!memory) return;
  const bool intact = !memory->home || (memory->home->intact() && (!memory->near || memory->near->intact()));
  if (!intact) host.violations_.emplace_back("the cache wrote beyond the ends of a buffer");
  host.live_.erase(memory);
  host.live_bytes_ -= memory->bytes;
  if (memory->tensor.device.device_type == kDLCUDAHost) host.live_host_bytes_ -= memory->bytes;
  if (memory->on_device) host.device_->give_back(memory->on_device);
  delete memory;
}

bool TestHost::valid(const Memory &memory, const kvern_span *span) {
  if (!span) return true;
  const bool good = span->axis >= 0 && span->axis < static_cast<int32_t>(memory.shape.size()) &&
                    span->begin >= 0 && span->begin <= span->end && span->end <= memory.shape[span->axis];
  if (!good) violations_.emplace_back("a slice that the buffer does not have");
  return good;
}

void TestHost::bring(Memory &memory, const kvern_span *reads) {
  const kvern_span all{0, 0, 0, memory.shape.empty() ? 1 : memory.shape[0]};
  memory.runs(reads ? *reads : all, [&](int64_t at, int64_t count) {
    for (int64_t i = at; i < at + count; ++i) {
      if (memory.here[i]) continue;
      std::memcpy(memory.near->data() + i * memory.element, memory.home->data() + i * memory.element,
                  memory.element);
      memory.here[i] = 1;
      loaded_ += memory.element;
    }
  });
}

void TestHost::evict(Memory &memory) {
  if (!memory.near) return;
  if (!memory.near->intact()) violations_.emplace_back("the cache wrote beyond the ends of a buffer");
  for (const kvern_span &span : memory.dirty) {
    memory.runs(span, [&](int64_t at, int64_t count) {
      std::memcpy(memory.home->data() + at * memory.element, memory.near->data() + at * memory.element,
                  static_cast<std::size_t>(count * memory.element));
      written_back_ += count * memory.element;
    });
  }
  memory.dirty.clear();
  memory.near.reset();
}

void TestHost::enter(int32_t layer) {
  if (!moving_ || layer == active_layer_) return;
  active_layer_ = layer;
  for (Memory *memory : live_) {
    if (memory->layer != layer && memory->layer >= 0) evict(*memory);
  }
}

kvern_status TestHost::map(void *ctx, kvern_buffer *buffer, const kvern_span *reads, const kvern_span *writes,
                           void **address, kvern_error *error) {
  auto &host = *static_cast<TestHost *>(ctx);
  Memory *memory = host.find(buffer, "map");
  if (!memory || !host.valid(*memory, reads) || !host.valid(*memory, writes)) {
    say(error, "map of a buffer or a slice that is not there");
    return KVERN_INVALID_ARGUMENT;
  }
  if (!host.moving_ || memory->layer < 0) {
    *address = memory->home ? static_cast<void *>(memory->home->data()) : memory->on_device;
    return KVERN_OK;
  }
  host.enter(memory->layer);
  if (!memory->near) {
    memory->near = std::make_unique<Place>(memory->bytes);
    memory->here.assign(static_cast<std::size_t>(memory->bytes / memory->element), 0);
  }
  host.bring(*memory, reads);
  if (writes) {
    memory->dirty.push_back(*writes);
    memory->runs(*writes,
                 [&](int64_t at, int64_t count) { std::fill_n(memory->here.begin() + at, count, 1); });
  }
  *address = memory->near->data();
  return KVERN_OK;
}

void TestHost::log(void *ctx, int32_t, const char *line) {
  static_cast<TestHost *>(ctx)->lines_.emplace_back(line);
}

const void *TestHost::extension(void *ctx, const char *id) {
  auto &host = *static_cast<TestHost *>(ctx);
  host.asked_.insert(id);
  const auto &extensions = host.extensions_;
  const auto found = extensions.find(id);
  return found == extensions.end() ? nullptr : found->second;
}

}  // namespace kvern::conformance
