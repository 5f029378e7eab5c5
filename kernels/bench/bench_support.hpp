// What the kernels' benchmark shares: memory in large pages, best and median of repeats.
#pragma once
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "kernels/dtype.hpp"

namespace kvern::kernels::bench {

/// Seconds of CPU time of this thread: nearly independent of other load on the machine.
inline double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Zeroed memory, in large pages if the system has them.
class Memory {
 public:
  explicit Memory(int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {
    data_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) throw std::bad_alloc();
    madvise(data_, bytes_, MADV_HUGEPAGE);
    std::memset(data_, 0, bytes_);
  }
  ~Memory() { munmap(data_, bytes_); }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  char *data() { return static_cast<char *>(data_); }

 private:
  size_t bytes_;
  void *data_;
};

/// Fills with numbers of about unit size in any format.
inline void fill(void *data, Dtype type, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    store_element(data, type, i, static_cast<float>((i * 7919) % 2003) / 1001.0f - 1.0f);
}

struct Seconds {
  double best, median;
};

/// CPU seconds of f(), `repeats` times after one warm-up.
template <class F>
Seconds measure(int repeats, F &&f) {
  f();
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    double start = cpu_seconds();
    f();
    times.push_back(cpu_seconds() - start);
  }
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

}  // namespace kvern::kernels::bench
