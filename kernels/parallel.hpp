// How a kernel gets threads: the caller passes them in; kernels create none. The fields are those of the
// host's thread pool.
#pragma once
#include <cstdint>
#include <type_traits>

namespace kvern::kernels {

struct Parallel {
  int threads;  ///< how many bodies may run at once, at least 1
  void *ctx;    ///< passed to `run`
  /// Calls body on disjoint ranges that cover [0, n), each a multiple of `grain` long (but the last), and
  /// returns when all are done. Which thread gets which range does not matter to any kernel.
  void (*run)(void *ctx, int64_t n, int64_t grain, void (*body)(void *arg, int64_t begin, int64_t end),
              void *arg);
};

namespace detail {
inline void run_serial(void *, int64_t n, int64_t, void (*body)(void *, int64_t, int64_t), void *arg) {
  if (n > 0) body(arg, 0, n);
}
}  // namespace detail

/// Runs on the calling thread.
inline Parallel serial() { return {1, nullptr, &detail::run_serial}; }

/// `parallel.run` with anything callable as f(begin, end). Exceptions must not leave f.
template <class F>
void parallel_for(const Parallel &parallel, int64_t n, int64_t grain, F &&f) {
  using Function = std::remove_reference_t<F>;
  parallel.run(
      parallel.ctx, n, grain,
      [](void *arg, int64_t begin, int64_t end) { (*static_cast<Function *>(arg))(begin, end); },
      const_cast<void *>(static_cast<const void *>(&f)));
}

}  // namespace kvern::kernels
