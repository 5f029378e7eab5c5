// A pool of threads for loops that last microseconds: workers spin a little before they sleep. Free of
// LibTorch, so that kernels, their tests and the thread sanitizer can use it.
#pragma once
#include <cstdint>
#include <memory>

namespace kvern {

class ThreadPool {
 public:
  using Body = void (*)(void *arg, int64_t begin, int64_t end);

  /// `threads` bodies run at once, the caller's among them; at least 1. Fewer where the system refuses a thread (threads()
  /// says how many). With more threads than the process may use processors, workers that wait sleep at once.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const;

  /// Calls body on disjoint ranges that cover [0, n), each but the last a multiple of `grain` long, and
  /// returns when all are done. From any thread; calls from different threads take turns, a call from inside
  /// a body runs in place. Throws the first exception of a body; chunks that were not begun by then are left out.
  void run(int64_t n, int64_t grain, Body body, void *arg);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kvern
