// A progress line on standard error; only where standard error is a terminal.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace kvern::cli {

class Progress {
 public:
  /// `unit`: of what is counted; with it the speed and the time that is left at most are shown as well.
  explicit Progress(std::string what, std::string unit = "");
  /// Erases the line.
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// Redraws at most ten times a second, and not before the work has taken half a second.
  void show(int64_t done, int64_t total);

  /// Erases the line that is shown, if one is. Async-signal-safe.
  static void erase_now();

 private:
  using Clock = std::chrono::steady_clock;
  std::string rate_text(int64_t done, int64_t total, Clock::time_point now) const;

  std::string what_, unit_;
  Clock::time_point start_, last_;
  bool visible_ = false;
};

}  // namespace kvern::cli
