#include "runtime/cli/interrupt.hpp"

#include <unistd.h>

#include <atomic>

#include "runtime/cli/progress.hpp"

namespace kvern::cli {
namespace {

std::atomic<int> signals{0};
std::atomic<bool> second_waits{false}, has_term{false};
static_assert(std::atomic<int>::is_always_lock_free);  // a handler uses it

extern "C" void on_signal(int signal) {
  if (signal == SIGTERM) has_term = true;
  if (signals.fetch_add(1) == 0 || (signal == SIGINT && second_waits)) return;
  Progress::erase_now();
  ::_exit(kInterrupted);
}

}  // namespace

Interrupt::Interrupt(Second second) {
  signals = 0;
  has_term = false;
  second_waits = second == Second::waits;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &int_before_);
  sigaction(SIGTERM, &action, &term_before_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &int_before_, nullptr);
  sigaction(SIGTERM, &term_before_, nullptr);
}

bool Interrupt::terminated() { return has_term; }

bool Interrupt::requested() { return signals.load(std::memory_order_relaxed) > 0; }

}  // namespace kvern::cli
