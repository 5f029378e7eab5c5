// A function in a process of its own: what becomes of it, whatever it does.
#pragma once
#include <functional>
#include <string>

#include "check/random_operations.hpp"

namespace kvern::conformance {

/// How a function ended: it returned, threw a Violation, or took its process with it.
enum class Ending { kept, broken, crashed, exited, timed_out };

struct Attempt {
  Ending ending = Ending::kept;
  std::string rule;    ///< of the Violation
  std::string text;    ///< one sentence; "" where it returned
  std::string verb;    ///< that ran when the process ended, or ""
  std::string trace;   ///< lines of the Trace
  std::string output;  ///< what was written to standard output and error, its beginning
  std::string answer;  ///< what the function returned
  double seconds = 0;
};

/// The text comes back as `answer`, a few kilobytes at most. Anything that is thrown is a Violation.
using IsolatedCall = std::function<std::string(Trace &)>;

/// Runs it in a child with its own standard output; after `seconds` the child is killed.
Attempt isolate(const IsolatedCall &call, double seconds);
/// The same in this process, for a debugger: what crashes there, crashes here.
Attempt run_here(const IsolatedCall &call);

}  // namespace kvern::conformance
