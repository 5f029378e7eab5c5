#include "check/isolate.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace kvern::conformance {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What the two processes share.
struct Report {
  static constexpr std::size_t kText = 4096, kTrace = 1 << 17;
  char verb[kVerbSize];
  bool finished, violated;
  char rule[16], text[kText], answer[kText], trace[kTrace];

  static void put(char *to, std::size_t size, const std::string &text) {
    std::strncpy(to, text.c_str(), size - 1);
  }
};

class ReportTrace : public Trace {
 public:
  explicit ReportTrace(Report &report) : report_(report) {}
  void line(const std::string &text) override {
    if (size_ + text.size() + 2 > Report::kTrace) return;
    std::memcpy(report_.trace + size_, text.data(), text.size());
    size_ += text.size();
    report_.trace[size_++] = '\n';
  }

 private:
  Report &report_;
  std::size_t size_ = 0;
};

void fill(Report &report, const IsolatedCall &call) {
  ReportTrace trace(report);
  const auto broken = [&](const std::string &text, const std::string &rule) {
    Report::put(report.text, Report::kText, text);
    Report::put(report.rule, sizeof report.rule, rule);
    report.violated = true;
  };
  try {
    Report::put(report.answer, Report::kText, call(trace));
  } catch (const Violation &violation) {
    broken(violation.what(), violation.rule());
  } catch (const std::exception &thrown) {
    broken(thrown.what(), "");
  }
  report.finished = true;
}

/// Memory that is shared with children, all zero.
class SharedReport {
 public:
  SharedReport()
      : memory_(mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) violated("no memory for the report of a test");
  }
  SharedReport(const SharedReport &) = delete;
  ~SharedReport() { munmap(memory_, sizeof(Report)); }
  Report &operator*() const { return *static_cast<Report *>(memory_); }
  Report *operator->() const { return static_cast<Report *>(memory_); }

 private:
  void *memory_;
};

[[noreturn]] void run_child(Report &report, const IsolatedCall &call, int output) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGINT, SIGTERM})
    std::signal(number, SIG_DFL);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  note_verbs_in(report.verb);
  fill(report, call);
  std::fflush(nullptr);
  _exit(0);
}

/// The child's status; false if it had to be killed.
bool wait_for(pid_t child, double seconds, int &status) {
  const auto begin = Clock::now();
  for (useconds_t pause = 200; waitpid(child, &status, WNOHANG) == 0;
       pause = std::min<useconds_t>(2 * pause, 20000)) {
    if (seconds_since(begin) > seconds) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return false;
    }
    usleep(pause);
  }
  return true;
}

std::string read_output(int file) {
  std::string text(2000, '\0');
  const ssize_t size = pread(file, text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return text;
}

std::string in_verb(const Report &report) { return *report.verb ? std::string(" in ") + report.verb : ""; }

Attempt read_report(const Report &report) {
  Attempt attempt;
  attempt.rule = report.rule, attempt.text = report.text, attempt.verb = report.verb;
  attempt.trace = report.trace, attempt.answer = report.answer;
  if (report.violated) attempt.ending = Ending::broken;
  return attempt;
}

void describe_end(Attempt &attempt, const Report &report, int status, bool in_time, double seconds) {
  attempt.rule = kReturns;
  char limit[32];
  std::snprintf(limit, sizeof limit, "%g s", seconds);
  if (!in_time) {
    attempt.ending = Ending::timed_out;
    attempt.text = "did not return within " + std::string(limit) + in_verb(report);
  } else if (WIFSIGNALED(status)) {
    attempt.ending = Ending::crashed;
    attempt.text = "crashed" + in_verb(report) + ": " + strsignal(WTERMSIG(status));
  } else {
    attempt.ending = Ending::exited;
    attempt.text =
        "ended the process" + in_verb(report) + ", exit code " + std::to_string(WEXITSTATUS(status));
  }
}

}  // namespace

Attempt isolate(const IsolatedCall &call, double seconds) {
  const SharedReport report;
  const auto begin = Clock::now();
  const int output = memfd_create("output", MFD_CLOEXEC);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0 || output < 0) violated("no process for the test");
  if (child == 0) run_child(*report, call, output);
  int status = 0;
  const bool in_time = wait_for(child, seconds, status);
  Attempt attempt = read_report(*report);
  attempt.output = read_output(output);
  close(output);
  attempt.seconds = seconds_since(begin);
  if (!report->finished || !in_time) describe_end(attempt, *report, status, in_time, seconds);
  return attempt;
}

Attempt run_here(const IsolatedCall &call) {
  const SharedReport report;
  const auto begin = Clock::now();
  fill(*report, call);
  Attempt attempt = read_report(*report);
  attempt.seconds = seconds_since(begin);
  return attempt;
}

}  // namespace kvern::conformance
