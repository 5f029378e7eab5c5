// Compiled without sanitizers: what it moves between fibers is not memory that kernels share.
#include "devices/emulation/fiber.hpp"

#include <cstdlib>

extern "C" {
// of the thread and address sanitizers, where the program is linked with one
void *__tsan_create_fiber(unsigned) __attribute__((weak));
void *__tsan_get_current_fiber() __attribute__((weak));
void __tsan_switch_to_fiber(void *, unsigned) __attribute__((weak));
void __tsan_acquire(void *) __attribute__((weak));
void __tsan_release(void *) __attribute__((weak));
void __tsan_read_range(void *, unsigned long) __attribute__((weak));
void __tsan_write_range(void *, unsigned long) __attribute__((weak));
void __sanitizer_start_switch_fiber(void **, const void *, size_t) __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *, const void **, size_t *) __attribute__((weak));
void kvern_switch_fiber(void **save, void *load);
}
#if !defined(__x86_64__)
#error "kvern_switch_fiber is written for x86-64; elsewhere ucontext does the same, some ten times slower"
#endif
asm(R"(
.text
.globl kvern_switch_fiber
.hidden kvern_switch_fiber
.type kvern_switch_fiber,@function
kvern_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size kvern_switch_fiber,.-kvern_switch_fiber
)");

namespace kvern::device::emulation {
namespace {

constexpr size_t kStack = 128 * 1024;

struct Scheduler {
  void *sp = nullptr, *tsan = nullptr, *fake = nullptr;
  const void *stack = nullptr;
  size_t stack_size = 0;
};
Scheduler scheduler;

}  // namespace

void enter_scheduler() {
  if (__tsan_get_current_fiber) scheduler.tsan = __tsan_get_current_fiber();
}

void Fiber::prepare(void (*body)()) {
  if (!stack_) stack_ = static_cast<unsigned char *>(std::aligned_alloc(4096, kStack));
  if (!tsan_ && __tsan_create_fiber) tsan_ = __tsan_create_fiber(0);
  auto **top = reinterpret_cast<void **>(stack_ + kStack - 64);
  *--top = nullptr;  // where body would return to
  *--top = reinterpret_cast<void *>(body);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  sp_ = top;
}

void Fiber::resume() {
  if (__sanitizer_start_switch_fiber) __sanitizer_start_switch_fiber(&scheduler.fake, stack_, kStack);
  if (tsan_) __tsan_switch_to_fiber(tsan_, 1);  // 1: being switched is no order
  kvern_switch_fiber(&scheduler.sp, sp_);
  if (__sanitizer_finish_switch_fiber) __sanitizer_finish_switch_fiber(scheduler.fake, nullptr, nullptr);
}

void Fiber::leave(bool for_ever) {
  if (__sanitizer_start_switch_fiber)
    __sanitizer_start_switch_fiber(for_ever ? nullptr : &fake_, scheduler.stack, scheduler.stack_size);
  if (tsan_) __tsan_switch_to_fiber(scheduler.tsan, 1);
  kvern_switch_fiber(&sp_, scheduler.sp);
  if (__sanitizer_finish_switch_fiber)
    __sanitizer_finish_switch_fiber(fake_, &scheduler.stack, &scheduler.stack_size);
}

void Fiber::entered() {
  if (__sanitizer_finish_switch_fiber)
    __sanitizer_finish_switch_fiber(nullptr, &scheduler.stack, &scheduler.stack_size);
}

void acquire(void *sync) {
  if (__tsan_acquire) __tsan_acquire(sync);
}
void release(void *sync) {
  if (__tsan_release) __tsan_release(sync);
}
void note_copy(const void *from, void *to, std::size_t bytes) {
  if (!__tsan_write_range) return;
  __tsan_read_range(const_cast<void *>(from), bytes);
  __tsan_write_range(to, bytes);
}

}  // namespace kvern::device::emulation
