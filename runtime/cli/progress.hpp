// A line on standard error that says how far slow work is; only where standard error is a terminal.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace kvern::cli {

class Progress {
 public:
  explicit Progress(std::string what);
  /// Takes the line away.
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// Redraws at most ten times a second, and not before the work has taken half a second.
  void show(int64_t done, int64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  Clock::time_point start_, last_;
  bool visible_ = false;
};

}  // namespace kvern::cli
