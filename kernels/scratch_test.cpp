#include "kernels/scratch.hpp"

#include <cstdint>
#include <thread>

#include "kernels/thread_owned.hpp"
#include "tests/support/test.hpp"

namespace {
int registered = 0;
}

// In place of libstdc++'s: the entry for the destructor of a thread_local object, for which glibc allocates, and where it cannot, ends
// the process.
extern "C" int __cxa_thread_atexit(void (* /*destroy*/)(void *), void * /*object*/, void * /*library*/) {
  ++registered;
  return 0;
}

namespace kvern::kernels {
namespace {

struct Counted {
  static inline int living = 0;
  Counted() { ++living; }
  ~Counted() { --living; }
  Counted(const Counted &) = delete;
  Counted &operator=(const Counted &) = delete;
};

template <class Use>
int registered_by(Use use) {
  const int before = registered;
  std::thread(use).join();
  return registered - before;
}

}  // namespace

TEST_CASE(
    "A thread's workspace registers no destructor, for which glibc would end the process without memory") {
  CHECK(registered_by([] {
          thread_local Counted counted;
          static_cast<void>(counted);
        }) == 1);
  CHECK(registered_by([] { thread_scratch(ScratchUser::worker, 100)[99] = 1; }) == 0);
}

TEST_CASE("A thread's workspace is aligned, kept where it is large enough, and of one user") {
  std::thread([] {
    float *first = thread_scratch(ScratchUser::worker, 100);
    CHECK(reinterpret_cast<uintptr_t>(first) % 64 == 0);
    CHECK(thread_scratch(ScratchUser::worker, 50) == first);
    CHECK(thread_scratch(ScratchUser::caller, 50) != first);
    thread_scratch(ScratchUser::worker, 5000)[4999] = 1;
  }).join();
}

TEST_CASE("An object of a thread is one, and is deleted when the thread ends") {
  const int before = Counted::living;
  std::thread([before] {
    Counted &first = ThreadOwned<Counted>::get();
    CHECK(&ThreadOwned<Counted>::get() == &first);
    std::thread([&first] { CHECK(&ThreadOwned<Counted>::get() != &first); }).join();
    CHECK(Counted::living == before + 1);
  }).join();
  CHECK(Counted::living == before);
}

}  // namespace kvern::kernels
