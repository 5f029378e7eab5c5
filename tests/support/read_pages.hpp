// Counts the pages of a block of memory that are read: they are not accessible until the first access faults.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <new>

namespace kvern::test {

/// A copy of bytes at the start of pages of its own. One object at a time counts.
class ReadPages {
 public:
  ReadPages(const void *bytes, std::size_t n) : size_((n + page() - 1) / page() * page()) {
    memory_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    std::memcpy(memory_, bytes, n);
  }
  ~ReadPages() { ::munmap(memory_, size_); }
  ReadPages(const ReadPages &) = delete;
  ReadPages &operator=(const ReadPages &) = delete;

  static std::size_t page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
  const void *data() const { return memory_; }

  /// Runs f and returns the bytes of the pages that it read.
  template <class F>
  std::size_t bytes_read_by(F &&f) {
    struct sigaction action = {}, before = {};
    action.sa_sigaction = &ReadPages::fault;
    action.sa_flags = SA_SIGINFO;
    begin = static_cast<char *>(memory_);
    end = begin + size_;
    pages = 0;
    ::sigaction(SIGSEGV, &action, &before);
    ::mprotect(memory_, size_, PROT_NONE);
    f();
    ::mprotect(memory_, size_, PROT_READ | PROT_WRITE);
    ::sigaction(SIGSEGV, &before, nullptr);
    return pages * page();
  }

 private:
  static void fault(int, siginfo_t *info, void *) {
    char *at = static_cast<char *>(info->si_addr);
    if (at < begin || at >= end) _exit(139);  // another fault: a defect
    const std::size_t offset = static_cast<std::size_t>(at - begin) / page() * page();
    ::mprotect(begin + offset, page(), PROT_READ);
    ++pages;
  }

  inline static char *begin = nullptr, *end = nullptr;
  inline static std::atomic<std::size_t> pages{0};

  std::size_t size_;
  void *memory_;
};

}  // namespace kvern::test
