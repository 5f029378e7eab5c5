// What the command line program asks of the C library's heap.
#include "runtime/cli/memory.hpp"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <new>

#include "tests/support/test.hpp"

using namespace kvern::cli;

namespace {

[[gnu::noinline, maybe_unused]] std::unique_ptr<char[]> block(std::size_t bytes) {
  return std::unique_ptr<char[]>(new char[bytes]);
}

[[gnu::noinline]] void need_memory() { throw std::bad_alloc(); }

/// As a container whose clean-up allocates.
struct Allocates {
  ~Allocates() { need_memory(); }
};

}  // namespace

TEST_CASE("Memory that runs out in a destructor ends the program with exit code 7") {
  const pid_t child = fork();
  if (child == 0) {
    exit_where_memory_ends();
    { const Allocates last; }
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}

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
