// A program that runs beside the test: its output as it comes, signals to it, its end. Optionally on a terminal.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace kvern::test {

class Child {
 public:
  enum class Output {
    pipes,
    terminal
  };  ///< terminal: both outputs are one pseudo-terminal, and come as Ran::out

  enum class Input {
    nothing,
    open
  };  ///< open: write reaches it, by a pipe or by the pseudo-terminal of its output

  /// Starts the program.
  Child(const std::vector<std::string> &command, Output output, Input input = Input::nothing);
  /// Kills it if it still runs.
  ~Child();
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;

  /// Waits until standard output and standard error together contain `text`. False if the program ends, or time passes, before.
  bool wait_for(const std::string &text, double seconds = 60);
  void send(int signal);
  /// To its standard input; on a terminal as keys.
  void write(const std::string &text);
  /// What came until its end; code -1 if it does not end in time.
  Ran finish(double seconds = 60);

 private:
  bool read_some(int milliseconds);

  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  Ran ran_;
};

}  // namespace kvern::test
