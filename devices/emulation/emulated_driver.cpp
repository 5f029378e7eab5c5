// A driver without a card. The host cannot touch the device's memory, which begins as not a number; streams do their work in any
// order that events allow, as late as somebody's waiting allows. The device's number chooses among these orders, and among those of
// threads and blocks; number 0: nothing is done before somebody waits, then in order. As on a card, a thread says which device it uses.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <new>
#include <vector>

#include "devices/cuda/driver.hpp"
#include "devices/emulation/emulation.hpp"

namespace kvern::device {
namespace {

constexpr std::size_t kAddresses = std::size_t{1} << 36;  // addresses only; pages come as they are used
constexpr std::size_t kAlignment = 256;
constexpr std::size_t kKept =
    16;  // pieces of a size that stay not a number before the first of them is taken again

/// Pages that are closed to the host but while work runs.
class Pages {
 public:
  Pages()
      : begin_(static_cast<char *>(
            mmap(nullptr, kAddresses, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (begin_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Pages() { munmap(begin_, kAddresses); }
  Pages(const Pages &) = delete;

  bool holds(const void *data) const { return data >= begin_ && data < begin_ + kAddresses; }
  char *extend(std::size_t bytes) {
    if (bytes > kAddresses - used_) return nullptr;
    char *data = begin_ + used_;
    used_ += bytes;
    return data;
  }
  void protect(bool open) const {
    mprotect(begin_, (used_ + 4095) / 4096 * 4096, open ? PROT_READ | PROT_WRITE : PROT_NONE);
  }

 private:
  char *begin_;
  std::size_t used_ = 0;
};

struct Event {
  int recorded = 0, done = 0;  // how often
};
/// A closure, or a wait for an event's number-th record.
struct Work {
  std::function<void()> run;
  const Event *event = nullptr;
  int number = 0;
  bool ready() const { return !event || event->done >= number; }
};

class EmulatedDriver;
class EmulatedStream final : public emulation::Stream {
 public:
  explicit EmulatedStream(EmulatedDriver &driver) : driver_(driver) {}
  void give(std::function<void()> work) override;
  bool holds(const void *address) const override;
  std::deque<Work> work;

 private:
  EmulatedDriver &driver_;
};

EmulatedStream &stream_of(void *stream) {
  return static_cast<EmulatedStream &>(*static_cast<emulation::Stream *>(stream));
}

class EmulatedDriver final : public Driver {
 public:
  explicit EmulatedDriver(int number)
      : eagerness_(number == 0 ? 0 : 30), random_(static_cast<uint64_t>(number)) {
    emulation::order_seed() = static_cast<uint64_t>(number);
    use();
  }
  /// Work that nobody waited for is not done; what it would have given back is.
  ~EmulatedDriver() override {
    for (const auto &[data, bytes] : pinned_) ::operator delete(data, std::align_val_t(64));
  }
  EmulatedDriver(const EmulatedDriver &) = delete;
  EmulatedDriver &operator=(const EmulatedDriver &) = delete;
  int multiprocessors() const override { return 4; }
  void use() noexcept override { used_ = this; }

  void *make_stream() override {
    check_used();
    streams_.push_back(std::make_unique<EmulatedStream>(*this));
    return static_cast<emulation::Stream *>(streams_.back().get());
  }
  void finish(void *stream) override {
    check_used();
    const Opened opened(*this);
    while (!stream_of(stream).work.empty())
      if (!do_some()) throw DeviceFailure("streams wait for each other");
  }

  void *take(std::size_t bytes, void *stream) override {
    check_used();
    const std::size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    auto &kept = free_[size];
    char *data = nullptr;
    if (kept.size() > kKept) {
      data = kept.front();
      kept.pop_front();
    } else {
      data = pages_.extend(size);
    }
    if (!data) return nullptr;
    sizes_[data] = size;
    push(stream_of(stream), {[=] { std::memset(data, 0xff, size); }});
    return data;
  }
  void give_back(void *data, void *stream) override {
    check_used();
    const auto found = sizes_.find(data);
    if (found == sizes_.end()) throw DeviceFailure("memory is given back twice");
    const std::size_t size = found->second;
    sizes_.erase(found);
    push(stream_of(stream), {[this, data, size] {
           std::memset(data, 0xff, size);
           free_[size].push_back(static_cast<char *>(data));
         }});
  }
  void *take_pinned(std::size_t bytes) override {
    check_used();
    void *data = ::operator new(bytes, std::align_val_t(64), std::nothrow);
    if (data) std::memset(data, 0xff, bytes), pinned_[data] = bytes;
    return data;
  }
  void give_back_pinned(void *data, void *stream) override {
    push(stream_of(stream), {[this, data] {
           pinned_.erase(data);
           ::operator delete(data, std::align_val_t(64));
         }});
  }
  void copy(const void *from, void *to, std::size_t bytes, void *stream) override {
    if (is_plain(from)) {
      const auto *begin = static_cast<const char *>(from);
      push(stream_of(stream), {[read = std::vector<char>(begin, begin + bytes), to] {
             std::memcpy(to, read.data(), read.size());
           }});
    } else {
      push(stream_of(stream), {[=] { std::memcpy(to, from, bytes); }});
    }
    if (is_plain(to)) finish(stream);
  }

  void *make_event() override {
    events_.push_back(std::make_unique<Event>());
    return events_.back().get();
  }
  void free_event(void *) override {}  // with the driver: work may still name it
  void record(void *event, void *stream) override {
    auto *recorded = static_cast<Event *>(event);
    const int number = ++recorded->recorded;
    push(stream_of(stream), {[=] { recorded->done = number; }});
  }
  void wait(void *stream, void *event) override {
    const auto *awaited = static_cast<const Event *>(event);
    push(stream_of(stream), {{}, awaited, awaited->recorded});
  }

  /// Is this within memory that was taken and, in the order of the calls, not given back?
  bool holds(const void *address) const { return within(sizes_, address) || within(pinned_, address); }
  void push(EmulatedStream &stream, Work work) {
    check_used();
    stream.work.push_back(std::move(work));
    while (eagerness_ > 0 && draw(100) < eagerness_) {
      const Opened opened(*this);
      if (!do_some()) return;
    }
  }

 private:
  /// The device's memory is open to the CPU, which plays the device.
  struct Opened {
    explicit Opened(const EmulatedDriver &driver) : pages(driver.pages_) { pages.protect(true); }
    ~Opened() { pages.protect(false); }
    const Pages &pages;
  };

  void check_used() const {
    if (used_ != this) throw DeviceFailure("a thread works with a device that it did not say it uses");
  }
  static bool within(const std::map<void *, std::size_t> &pieces, const void *address) {
    auto after = pieces.upper_bound(const_cast<void *>(address));
    if (after == pieces.begin()) return false;
    --after;
    return address < static_cast<const char *>(after->first) + after->second;
  }
  bool is_plain(const void *data) const { return !pages_.holds(data) && !within(pinned_, data); }
  bool do_some() {
    const auto count = static_cast<int>(streams_.size());
    const int first = draw(count);
    for (int i = 0; i < count; ++i) {
      std::deque<Work> &work = streams_[static_cast<std::size_t>((first + i) % count)]->work;
      if (work.empty() || !work.front().ready()) continue;
      const Work next = std::move(work.front());
      work.pop_front();
      if (next.run) next.run();
      return true;
    }
    return false;
  }
  int draw(int below) {
    random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<int>((random_ >> 33) % static_cast<uint64_t>(below));
  }

  static thread_local const EmulatedDriver *used_;

  Pages pages_;
  int eagerness_;
  uint64_t random_;
  std::vector<std::unique_ptr<EmulatedStream>> streams_;
  std::vector<std::unique_ptr<Event>> events_;
  std::map<void *, std::size_t> sizes_, pinned_;
  std::map<std::size_t, std::deque<char *>> free_;
};

thread_local const EmulatedDriver *EmulatedDriver::used_ = nullptr;

bool EmulatedStream::holds(const void *address) const { return driver_.holds(address); }
void EmulatedStream::give(std::function<void()> given) { driver_.push(*this, {std::move(given)}); }

}  // namespace

std::unique_ptr<Driver> open_driver(int number) { return std::make_unique<EmulatedDriver>(number); }

}  // namespace kvern::device
