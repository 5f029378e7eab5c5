// The report of `kvern check` as text, JSON and JUnit.
#pragma once
#include <string>

#include "check/check.hpp"
#include "check/measure.hpp"

namespace kvern::cli {

/// Times beside those of another cache. A side that could not be measured has a `problem`.
struct SpeedTable {
  struct Side {
    std::string name, problem;
    conformance::Measured measured;
  };
  Side cache, beside;
};

std::string check_text(const std::string &library, const conformance::CheckReport &report);
std::string check_json(const std::string &library, const conformance::CheckReport &report,
                       const SpeedTable *speed);
/// One test suite, a test case for each rule; undecided rules are skipped.
std::string check_junit(const std::string &library, const conformance::CheckReport &report);
std::string speed_text(const SpeedTable &speed);

}  // namespace kvern::cli
