#include "runtime/cli/progress.hpp"

#include <iostream>
#include <utility>

#include "runtime/cli/output.hpp"

namespace kvern::cli {

using namespace std::chrono_literals;

Progress::Progress(std::string what) : what_(std::move(what)), start_(Clock::now()), last_(start_) {}

Progress::~Progress() {
  if (visible_) std::cerr << "\r\033[K" << std::flush;
}

void Progress::show(int64_t done, int64_t total) {
  const auto now = Clock::now();
  if (now - start_ < 500ms || (visible_ && now - last_ < 100ms) || !errors_are_terminal()) return;
  last_ = now;
  visible_ = true;
  std::cerr << "\r\033[K" << what_ << ' ' << done << " / " << total << std::flush;
}

}  // namespace kvern::cli
