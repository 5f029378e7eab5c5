// Fork and join: the caller publishes a job under a ticket, workers take chunks of it until none is left.
#include "core/support/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/support/processors.hpp"

namespace kvern {
namespace {

// Some 50 microseconds: longer than the gap between two kernels of a decode step.
constexpr int kSpins = 4000;

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
  int spins = kSpins;
  int processors = 1;
  std::exception_ptr failure;
  bool crowded = false;  // more threads than processors: who waits leaves the processor to others

  static uint64_t ticket_of(uint64_t word) { return word / kTicket; }

  void take_chunks() {
    inside_body = true;
    for (;;) {
      const int64_t begin = next.fetch_add(job.chunk, std::memory_order_relaxed);
      if (begin >= job.n) break;
      run_chunk(begin);
    }
    inside_body = false;
  }

  /// An exception ends the job: nobody takes another chunk, and the caller gets the first one.
  void run_chunk(int64_t begin) {
    try {
      job.body(job.arg, begin, std::min(begin + job.chunk, job.n));
    } catch (...) {
      next.store(job.n, std::memory_order_relaxed);
      const std::lock_guard lock(sleep_mutex);
      if (!failure) failure = std::current_exception();
    }
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
    for (int i = 0; i < spins; ++i) {
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

  /// Wakes all workers, or in a crowded pool as many as there are chunks for.
  void publish(int64_t chunks) {
    {
      std::lock_guard lock(sleep_mutex);
      word.fetch_add(kTicket + kOpen, std::memory_order_release);
    }
    if (!crowded || chunks > static_cast<int64_t>(workers.size())) return wake.notify_all();
    for (int64_t i = 1; i < chunks; ++i) wake.notify_one();
  }

  /// False if the system refuses a thread.
  bool add_worker() {
    try {
      workers.emplace_back([this] { work(); });
      return true;
    } catch (const std::system_error &) {
      return false;
    } catch (const std::bad_alloc &) {
      return false;
    }
  }

  /// Lets nobody join any more and waits for those who have.
  void finish() {
    word.fetch_sub(kOpen, std::memory_order_relaxed);
    for (int i = 0; (word.load(std::memory_order_acquire) & (kOpen - 1)) != 0; ++i)
      i < spins ? relax() : std::this_thread::yield();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  State &state = *state_;
  state.processors = allowed_processors();
  state.crowded = threads > state.processors;
  state.spins = state.crowded ? 0 : kSpins;
  state.workers.reserve(static_cast<size_t>(std::max(threads - 1, 0)));
  while (this->threads() < threads && state.add_worker()) {
  }
}

ThreadPool::~ThreadPool() {
  state_->closing.store(true, std::memory_order_release);
  state_->publish(std::numeric_limits<int64_t>::max());
  for (auto &worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(int64_t n, int64_t grain, Body body, void *arg) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  if (inside_body || n <= grain || state_->workers.empty()) return body(arg, 0, n);
  std::lock_guard lock(state_->turn);
  const int64_t grains = (n + grain - 1) / grain;
  const int64_t at_once = std::min(threads(), state_->processors);
  const int64_t pieces = std::min(grains, at_once * 4), chunk = (grains + pieces - 1) / pieces * grain;
  state_->job = {body, arg, n, chunk};
  state_->next.store(0, std::memory_order_relaxed);
  state_->publish((n + chunk - 1) / chunk);
  state_->take_chunks();
  state_->finish();
  if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
}

}  // namespace kvern
