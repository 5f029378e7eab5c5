#include "runtime/cli/progress.hpp"

#include <atomic>
#include <utility>

#include "runtime/cli/errors.hpp"
#include "runtime/cli/output.hpp"

namespace kvern::cli {

using namespace std::chrono_literals;
namespace {

std::atomic<bool> shown{false};  // read by a signal handler

}  // namespace

Progress::Progress(std::string what) : what_(std::move(what)), start_(Clock::now()), last_(start_) {}

Progress::~Progress() {
  if (visible_) erase_now();
}

void Progress::erase_now() {
  if (shown.exchange(false)) write_terminal("\r\033[K");
}

void Progress::show(int64_t done, int64_t total) {
  const auto now = Clock::now();
  if (now - start_ < 500ms || (visible_ && now - last_ < 100ms) || !errors_are_terminal()) return;
  last_ = now;
  visible_ = shown = true;
  write_terminal("\r\033[K" + what_ + ' ' + std::to_string(done) + " / " + std::to_string(total));
}

}  // namespace kvern::cli
