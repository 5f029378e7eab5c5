// A sequence as a C++ program that its reader compiles against the kit.
#pragma once
#include <string>

#include "check/probe.hpp"

namespace kvern::conformance {

/// `lines` are those of a Trace; `what` is said in the last comment. The program ends with the same Violation.
std::string program_text(const std::string &library, const SubjectOptions &options, bool moving,
                         const std::string &lines, const std::string &what);

}  // namespace kvern::conformance
