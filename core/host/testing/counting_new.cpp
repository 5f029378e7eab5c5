// operator new that counts. In a file of its own, so that the compiler cannot see through it.
#include "core/host/testing/counting_new.hpp"

#include <cstdlib>
#include <new>

namespace {
thread_local int count = 0;
thread_local long long bytes = 0;
}  // namespace

int kvern::testing::allocations() { return count; }
long long kvern::testing::allocated_bytes() { return bytes; }

void *operator new(size_t size) {
  ++count;
  bytes += static_cast<long long>(size);
  if (void *memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
void *operator new(size_t size, const std::nothrow_t &) noexcept {
  ++count;
  bytes += static_cast<long long>(size);
  return std::malloc(size ? size : 1);
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, const std::nothrow_t &) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

void *operator new(size_t size, std::align_val_t alignment) {
  ++count;
  bytes += static_cast<long long>(size);
  const auto align = static_cast<size_t>(alignment);
  if (void *memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void *memory, size_t, std::align_val_t) noexcept { std::free(memory); }
