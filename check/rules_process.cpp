// Rules of the process that a cache is a guest in.
#include <unistd.h>

#include <algorithm>
#include <cfenv>
#include <clocale>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "check/captured.hpp"
#include "check/rules.hpp"

namespace kvern::conformance {
namespace {

void calls_return(const Subject &subject) {
  FullHost host;
  check_all_verbs(subject, host, kReturns);
}

/// All verbs, for what happens around them.
void use_quietly(const Subject &subject) {
  FullHost host;
  check_all_verbs(subject, host, "none");
}

void nothing_is_written(const Subject &subject) {
  std::string output, errors;
  {
    const Captured standard_output(STDOUT_FILENO), standard_error(STDERR_FILENO);
    use_quietly(subject);
    output = standard_output.text();
    errors = standard_error.text();
  }
  expect(output.empty(), "the plugin writes to standard output: " + output, kSilent);
  expect(errors.empty(), "the plugin writes to standard error: " + errors + " (the host's log is for that)",
         kSilent);
}

std::vector<std::string> open_files() {
  std::vector<std::string> files;
  std::error_code failed;
  for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd", failed)) {
    const auto target = std::filesystem::read_symlink(entry.path(), failed);
    if (!failed && !target.string().starts_with("/proc/")) files.push_back(target.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct ProcessState {
  std::string folder = std::filesystem::current_path().string(), locale = std::setlocale(LC_ALL, nullptr);
  int rounding = std::fegetround();
  std::vector<std::pair<int, void (*)(int)>> handlers;

  ProcessState() {
    for (int number = 1; number < 32; ++number) {
      struct sigaction action {};
      if (sigaction(number, nullptr, &action) == 0) handlers.emplace_back(number, action.sa_handler);
    }
  }
};

void check_state(const ProcessState &before, const ProcessState &after) {
  expect(before.folder == after.folder, "the working directory is another one: " + after.folder);
  expect(before.locale == after.locale, "the locale is another one: " + after.locale);
  expect(before.rounding == after.rounding, "the rounding mode of floating-point numbers is another one");
  for (std::size_t i = 0; i < before.handlers.size(); ++i)
    expect(before.handlers[i] == after.handlers[i],
           std::string("the handler of a signal is another one: ") + strsignal(before.handlers[i].first));
}

void the_process_stays_as_it_was(const Subject &subject) {
  const ProcessState before;
  use_quietly(subject);
  check_state(before, {});
  const std::vector<std::string> files = open_files();  // without those that are opened once and for all
  use_quietly(subject);
  const std::vector<std::string> files_after = open_files();
  for (const std::string &file : files_after)
    expect(std::count(files_after.begin(), files_after.end(), file) <=
               std::count(files.begin(), files.end(), file),
           "a file is left open: " + file);
}

}  // namespace

const std::vector<Rule> process_rules{
    {kReturns, "every call returns: no exception, signal, abort, exit, or call without end", calls_return,
     Needs::cache, true},
    {kSilent, "nothing is written to standard output or standard error", nothing_is_written, Needs::cache,
     true},
    {"9.3", "signal handlers, open files, working directory, locale and rounding stay as they were",
     the_process_stays_as_it_was},
};

}  // namespace kvern::conformance
