// Ctrl-C (SIGINT) and SIGTERM while a generation runs: the first asks it to end and keep what it made, the second ends the
// program at once.
#pragma once
#include <signal.h>

namespace kvern::cli {

constexpr int kInterrupted = 130;  ///< exit code

/// Watches the two signals while it lives; at most one at a time. Also where they were ignored, as in jobs of a shell's background.
class Interrupt {
 public:
  /// What a second signal does: ends the program at once, or, SIGINT alone, waits as the first one.
  enum class Second { ends, waits };
  explicit Interrupt(Second second = Second::ends);
  ~Interrupt();
  Interrupt(const Interrupt &) = delete;
  Interrupt &operator=(const Interrupt &) = delete;

  /// Whether a signal has come.
  static bool requested();
  /// Whether one of them was SIGTERM.
  static bool terminated();

 private:
  struct sigaction int_before_ {
  }, term_before_{};
};

}  // namespace kvern::cli
