#include "runtime/cli/progress.hpp"

#include <atomic>
#include <cmath>
#include <iomanip>
#include <sstream>
#include <utility>

#include "runtime/cli/errors.hpp"
#include "runtime/cli/output.hpp"

namespace kvern::cli {

using namespace std::chrono_literals;
namespace {

std::atomic<bool> shown{false};  // read by a signal handler

}  // namespace

Progress::Progress(std::string what, std::string unit)
    : what_(std::move(what)), unit_(std::move(unit)), start_(Clock::now()), last_(start_) {}

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
  write_terminal("\r\033[K" + what_ + ' ' + std::to_string(done) + " / " + std::to_string(total) +
                 rate_text(done, total, now));
}

/// ", 12.5 tokens/s, 8 s left"
std::string Progress::rate_text(int64_t done, int64_t total, Clock::time_point now) const {
  if (unit_.empty() || done <= 0) return "";
  const double seconds = std::chrono::duration<double>(now - start_).count(),
               rate = static_cast<double>(done) / seconds;
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << ", " << rate << ' ' << unit_ << "/s, " << std::setprecision(0)
       << std::ceil(static_cast<double>(total - done) / rate) << " s left";
  return text.str();
}

}  // namespace kvern::cli
