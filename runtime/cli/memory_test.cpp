// What the command line program asks of the C library's heap.
#include "runtime/cli/memory.hpp"

#include <malloc.h>

#include <memory>

#include "tests/support/test.hpp"

using namespace kvern::cli;

namespace {

[[gnu::noinline]] std::unique_ptr<char[]> block(std::size_t bytes) {
  return std::unique_ptr<char[]>(new char[bytes]);
}

}  // namespace

// The sanitizer has a heap of its own.
#if !defined(__SANITIZE_ADDRESS__)

TEST_CASE("A large block goes back to the system when it is freed, also after a larger one was") {
  return_large_blocks();
  block(24 << 20).reset();
  const auto before = mallinfo2();
  auto held = block(3 << 20);
  CHECK(mallinfo2().hblkhd >= before.hblkhd + (3 << 20));
  held.reset();
  CHECK(mallinfo2().hblkhd == before.hblkhd);
}

#endif
