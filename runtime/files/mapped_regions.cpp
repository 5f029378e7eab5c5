// A list that only grows, of entries that are used again: the handler may walk it at any moment, without a lock.
#include "runtime/files/mapped_regions.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <kvern/error.hpp>
#include <mutex>

#include "runtime/support/printable.hpp"

namespace kvern::files {

struct MappedRegion::Entry {
  std::atomic<uintptr_t> begin{0}, end{0};  // begin == end: not in use
  char message[1000] = {};
  Entry *next = nullptr;
};

namespace {

using Entry = MappedRegion::Entry;

constexpr size_t kMaxName = 800;

std::mutex entries_mutex;
std::atomic<Entry *> first_entry{nullptr};
const char *program_name = "";
struct sigaction previous_action {};

Entry *unused_entry() {
  for (Entry *entry = first_entry; entry != nullptr; entry = entry->next) {
    if (entry->end == 0) return entry;
  }
  auto *entry = new Entry;  // static lifetime: reachable from first_entry
  entry->next = first_entry;
  first_entry = entry;
  return entry;
}

// Async-signal-safe: no allocation, no lock.
void write_text(const char *text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) return;  // nothing left to do about it
}

void on_sigbus(int, siginfo_t *info, void *) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const Entry *entry = first_entry; entry != nullptr; entry = entry->next) {
    if (address < entry->begin || address >= entry->end) continue;
    write_text(program_name);
    write_text(entry->message);
    ::_exit(static_cast<int>(ErrorKind::model));
  }
  ::sigaction(SIGBUS, &previous_action, nullptr);  // the instruction runs again, and faults there
}

}  // namespace

MappedRegion::MappedRegion(const void *begin, size_t size, const std::string &file_name) {
  const std::string message =
      ": " + printable(file_name, kMaxName) +
      ": the file was shortened while it was in use, or its disk failed; replace a file by "
      "renaming the new one over it\n";
  const std::lock_guard lock(entries_mutex);
  entry_ = unused_entry();
  std::strncpy(entry_->message, message.c_str(), sizeof entry_->message - 1);
  entry_->begin = reinterpret_cast<uintptr_t>(begin);
  entry_->end = reinterpret_cast<uintptr_t>(begin) + size;
}

MappedRegion::~MappedRegion() {
  const std::lock_guard lock(entries_mutex);
  entry_->end = 0;
}

void exit_on_lost_mapping(const char *program) {
  program_name = program;
  struct sigaction action {};
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous_action);
}

}  // namespace kvern::files
