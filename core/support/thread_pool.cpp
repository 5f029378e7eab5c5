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

// A job is open from its publication until the caller finds no chunk left. Workers join an open job only; so the caller waits
// for those who joined, never for one that the system has not woken yet.
struct ThreadPool::State {
  struct Job {
    Body body = nullptr;
    void *arg = nullptr;
    int64_t n = 0, chunk = 1;
  } job;
  static constexpr uint64_t kOpen = uint64_t{1} << 31, kTicket = uint64_t{1} << 32;
  std::atomic<uint64_t> word{0};  // jobs so far * kTicket + kOpen + workers that have joined
  std::atomic<int64_t> next{0};   // start of the next chunk to take
  std::atomic<bool> closing{false};
  std::mutex turn;  // one job at a time
  std::mutex sleep_mutex;
  std::condition_variable wake;
  std::vector<std::thread> workers;

  static uint64_t ticket_of(uint64_t word) { return word / kTicket; }

  void take_chunks() {
    inside_body = true;
    for (;;) {
      const int64_t begin = next.fetch_add(job.chunk, std::memory_order_relaxed);
      if (begin >= job.n) break;
      job.body(job.arg, begin, std::min(begin + job.chunk, job.n));
    }
    inside_body = false;
  }

  bool join() {
    uint64_t seen = word.load(std::memory_order_relaxed);
    while (seen & kOpen)
      if (word.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) return true;
    return false;
  }

  /// Returns when there is a job with another ticket than `last`.
  uint64_t wait_for_job(uint64_t last) {
    const auto ticket = [&] { return ticket_of(word.load(std::memory_order_acquire)); };
    for (int i = 0; i < kSpins; ++i) {
      if (ticket() != last) return ticket();
      relax();
    }
    std::unique_lock lock(sleep_mutex);
    wake.wait(lock, [&] { return ticket() != last; });
    return ticket();
  }

  void work() {
    uint64_t last = 0;
    for (;;) {
      last = wait_for_job(last);
      if (closing.load(std::memory_order_acquire)) return;
      if (!join()) continue;
      take_chunks();
      word.fetch_sub(1, std::memory_order_release);
    }
  }

  void publish() {
    {
      std::lock_guard lock(sleep_mutex);
      word.fetch_add(kTicket + kOpen, std::memory_order_release);
    }
    wake.notify_all();
  }

  /// Lets nobody join any more and waits for those who have.
  void finish() {
    word.fetch_sub(kOpen, std::memory_order_relaxed);
    for (int i = 0; (word.load(std::memory_order_acquire) & (kOpen - 1)) != 0; ++i)
      i < kSpins ? relax() : std::this_thread::yield();
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
  state_->publish();
  state_->take_chunks();
  state_->finish();
}

}  // namespace kvern
