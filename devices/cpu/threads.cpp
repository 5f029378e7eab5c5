#include "devices/cpu/threads.hpp"

#include <memory>
#include <thread>

#include "core/support/thread_pool.hpp"

namespace kvern {
namespace {

std::unique_ptr<ThreadPool> &pool() {
  static auto &instance = *new std::unique_ptr<ThreadPool>(std::make_unique<ThreadPool>(1));
  return instance;
}

}  // namespace

void set_threads(int threads) {
  if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  if (threads <= 0) threads = 1;
  pool() = std::make_unique<ThreadPool>(threads);
}

int threads() { return pool()->threads(); }

kernels::Parallel parallel() {
  return {pool()->threads(), pool().get(),
          [](void *ctx, int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *arg) {
            static_cast<ThreadPool *>(ctx)->run(n, grain, body, arg);
          }};
}

}  // namespace kvern
