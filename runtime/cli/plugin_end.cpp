#include "runtime/cli/plugin_end.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <kvern/error.hpp>

#include "core/host/running_verb.hpp"

namespace kvern::cli {
namespace {

struct Fatal {
  int number;
  const char *text;
  struct sigaction before;
};
Fatal fatal_signals[] = {{SIGSEGV, "segmentation fault", {}},
                         {SIGABRT, "aborted", {}},
                         {SIGFPE, "arithmetic exception", {}},
                         {SIGILL, "illegal instruction", {}},
                         {SIGBUS, "bus error", {}}};

// Async-signal-safe: no allocation, no lock. What a terminal would act upon is left out.
void write_text(const char *text) {
  char line[200];
  size_t size = 0;
  for (; *text != '\0' && size < sizeof line; ++text)
    line[size++] = *text >= ' ' && *text <= '~' ? *text : '?';
  if (::write(STDERR_FILENO, line, size) < 0) return;  // nothing left to do about it
}

[[noreturn]] void end_with(const RunningVerb &running, const char *how) {
  for (const char *part :
       {"kvern: cache '", running.plugin, "': a defect of the plugin: ", how, " in ", running.verb})
    write_text(part);
  if (::write(STDERR_FILENO, "\n", 1) < 0) ::_exit(static_cast<int>(ErrorKind::plugin));
  ::_exit(static_cast<int>(ErrorKind::plugin));
}

void on_fatal_signal(int number) {
  const RunningVerb running = running_verb();
  for (const Fatal &fatal : fatal_signals) {
    if (fatal.number != number) continue;
    if (running.verb) end_with(running, fatal.text);
    ::sigaction(number, &fatal.before, nullptr);
    if (number == SIGABRT) ::raise(number);  // others happen again when the instruction runs again
  }
}

void on_exit() {
  const RunningVerb running = running_verb();
  if (running.verb) end_with(running, "called exit");
}

/// For a handler where the plugin has used up the stack.
void use_stack_of_signals() {
  static char stack[1 << 16];
  stack_t own{};
  own.ss_sp = stack;
  own.ss_size = sizeof stack;
  ::sigaltstack(&own, nullptr);
}

}  // namespace

void name_plugin_that_ends_the_program() {
  use_stack_of_signals();
  for (Fatal &fatal : fatal_signals) {
    struct sigaction action {};
    action.sa_handler = on_fatal_signal;
    action.sa_flags = SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(fatal.number, &action, &fatal.before);
  }
  std::atexit(on_exit);
}

}  // namespace kvern::cli
