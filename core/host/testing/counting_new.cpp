// operator new that counts. In a file of its own, so that the compiler cannot see through it.
#include "core/host/testing/counting_new.hpp"

#include <cstdlib>
#include <new>

namespace {
thread_local int count = 0;
}

int kvern::testing::allocations() { return count; }

void *operator new(size_t size) {
  ++count;
  if (void *memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
void *operator new(size_t size, const std::nothrow_t &) noexcept {
  ++count;
  return std::malloc(size ? size : 1);
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, const std::nothrow_t &) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
