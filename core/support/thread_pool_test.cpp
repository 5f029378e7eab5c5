#include "core/support/thread_pool.hpp"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <new>
#include <thread>
#include <vector>

#include "tests/support/test.hpp"

using kvern::ThreadPool;

namespace {

struct Count {
  std::vector<std::atomic<int>> visits;
  std::atomic<bool> aligned{true};
  int64_t grain;
  Count(int64_t n, int64_t g) : visits(n), grain(g) {}
  static void body(void *arg, int64_t begin, int64_t end) {
    auto &self = *static_cast<Count *>(arg);
    if (begin % self.grain != 0) self.aligned = false;
    for (int64_t i = begin; i < end; ++i) ++self.visits[i];
  }
  bool all_once() const {
    for (const auto &v : visits)
      if (v != 1) return false;
    return true;
  }
};

}  // namespace

TEST_CASE("Every index is visited once, in pieces that begin at multiples of the grain") {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int64_t n : {0, 1, 7, 64, 1000})
      for (int64_t grain : {1, 3, 64}) {
        Count count(n, grain);
        pool.run(n, grain, &Count::body, &count);
        CHECK(count.all_once());
        CHECK(count.aligned);
      }
  }
}

TEST_CASE("Loops from several threads take turns on one pool") {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        Count count(50, 1);
        pool.run(50, 1, &Count::body, &count);
        good += count.all_once();
      }
    });
  for (auto &caller : callers) caller.join();
  CHECK(good == 800);
}

TEST_CASE("A loop inside a loop runs in place") {
  ThreadPool pool(4);
  struct Nested {
    ThreadPool &pool;
    std::atomic<int> sum{0};
  } nested{pool};
  pool.run(
      8, 1,
      [](void *arg, int64_t begin, int64_t end) {
        auto &self = *static_cast<Nested *>(arg);
        for (int64_t i = begin; i < end; ++i)
          self.pool.run(
              3, 1,
              [](void *inner, int64_t b, int64_t e) {
                static_cast<Nested *>(inner)->sum += static_cast<int>(e - b);
              },
              &self);
      },
      &nested);
  CHECK(nested.sum == 24);
}

TEST_CASE("An exception of a body reaches the caller, and the pool goes on") {
  ThreadPool pool(4);
  for (int i = 0; i < 50; ++i) {
    CHECK_THROWS_AS(pool.run(
                        100, 1, [](void *, int64_t, int64_t) { throw std::bad_alloc(); }, nullptr),
                    std::bad_alloc);
    Count count(100, 1);
    pool.run(100, 1, &Count::body, &count);
    CHECK(count.all_once());
  }
}

TEST_CASE(
    "A pool of many more threads than processors does all of the work and uses no processor between loops") {
  ThreadPool pool(200);
  CHECK(pool.threads() == 200);
  for (int i = 0; i < 100; ++i) {
    Count count(1000, 1);
    pool.run(1000, 1, &Count::body, &count);
    CHECK(count.all_once());
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the last workers fall asleep
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 20);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which map memory themselves
TEST_CASE("A pool has fewer threads where the system refuses more") {
  rlimit limit;
  REQUIRE(getrlimit(RLIMIT_AS, &limit) == 0);
  rlimit low = limit;
  low.rlim_cur = 0;  // no address space for more stacks than those of threads that ended
  REQUIRE(setrlimit(RLIMIT_AS, &low) == 0);
  ThreadPool pool(64);
  REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
  CHECK(pool.threads() >= 1);
  CHECK(pool.threads() < 64);
  Count count(100, 1);
  pool.run(100, 1, &Count::body, &count);
  CHECK(count.all_once());
}
#endif
