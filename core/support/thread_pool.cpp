// Fork and join: the caller publishes a job under a ticket, workers take chunks of it until none is left.
#include "core/support/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace kvern {
namespace {

constexpr int kSpins =
    4000;  // some 50 microseconds: longer than the gap between two kernels of a decode step

thread_local bool inside_body = false;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

struct ThreadPool::State {
  struct Job {
    Body body = nullptr;
    void *arg = nullptr;
    int64_t n = 0, chunk = 1;
  } job;
  std::atomic<int64_t> next{0};     // start of the next chunk to take
  std::atomic<uint64_t> ticket{0};  // counts jobs; a change wakes the workers
  std::atomic<int> working{0};      // workers that have not finished the current job
  std::atomic<bool> closing{false};
  std::mutex turn;  // one job at a time
  std::mutex sleep_mutex;
  std::condition_variable wake;
  std::vector<std::thread> workers;

  void take_chunks() {
    inside_body = true;
    for (;;) {
      const int64_t begin = next.fetch_add(job.chunk, std::memory_order_relaxed);
      if (begin >= job.n) break;
      job.body(job.arg, begin, std::min(begin + job.chunk, job.n));
    }
    inside_body = false;
  }

  uint64_t wait_for_job(uint64_t seen) {
    for (int i = 0; i < kSpins; ++i) {
      if (ticket.load(std::memory_order_acquire) != seen) return ticket.load(std::memory_order_acquire);
      relax();
    }
    std::unique_lock lock(sleep_mutex);
    wake.wait(lock, [&] { return ticket.load(std::memory_order_acquire) != seen; });
    return ticket.load(std::memory_order_acquire);
  }

  void work() {
    uint64_t seen = 0;
    for (;;) {
      seen = wait_for_job(seen);
      if (closing.load(std::memory_order_acquire)) return;
      take_chunks();
      working.fetch_sub(1, std::memory_order_release);
    }
  }

  void publish() {
    {
      std::lock_guard lock(sleep_mutex);
      ticket.fetch_add(1, std::memory_order_release);
    }
    wake.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  for (int i = 1; i < threads; ++i) state_->workers.emplace_back([state = state_.get()] { state->work(); });
}

ThreadPool::~ThreadPool() {
  state_->closing.store(true, std::memory_order_release);
  state_->publish();
  for (auto &worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(int64_t n, int64_t grain, Body body, void *arg) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  if (inside_body || n <= grain || state_->workers.empty()) return body(arg, 0, n);
  std::lock_guard lock(state_->turn);
  const int64_t grains = (n + grain - 1) / grain;
  const int64_t pieces = std::min<int64_t>(grains, threads() * int64_t{4});
  state_->job = {body, arg, n, (grains + pieces - 1) / pieces * grain};
  state_->next.store(0, std::memory_order_relaxed);
  state_->working.store(static_cast<int>(state_->workers.size()), std::memory_order_relaxed);
  state_->publish();
  state_->take_chunks();
  while (state_->working.load(std::memory_order_acquire) != 0) relax();
}

}  // namespace kvern
