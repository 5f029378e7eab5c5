// Fibers of the emulation, as the sanitizers see them: each is a thread of its own, and being switched is no order. Internal.
#pragma once
#include <cstddef>

namespace kvern::device::emulation {

/// A stack and where its execution stands. The thread that creates the first one is the scheduler.
class Fiber {
 public:
  Fiber() = default;
  Fiber(const Fiber &) = delete;

  /// Runs body on an empty stack at the next resume. body never returns: it ends with leave(true).
  void prepare(void (*body)());
  /// From the scheduler into the fiber, until it leaves.
  void resume();
  /// From the running fiber to the scheduler.
  void leave(bool for_ever);
  /// First in body.
  static void entered();

 private:
  unsigned char *stack_ = nullptr;
  void *sp_ = nullptr, *tsan_ = nullptr, *fake_ = nullptr;
};

/// Before the first resume of a launch, in the thread that resumes.
void enter_scheduler();

// Of the sanitizers, where the program is linked with one; else nothing.
void acquire(void *sync);
void release(void *sync);
void note_copy(const void *from, void *to, std::size_t bytes);

}  // namespace kvern::device::emulation
