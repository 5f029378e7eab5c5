// All rules for one plugin, each in a process of its own.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "check/isolate.hpp"
#include "check/probe.hpp"

namespace kvern::conformance {

struct CheckSettings {
  std::string library;  ///< its path
  SubjectOptions subject;
  /// Called with the plugin once its table is known to be sound: checks the options, and throws what is wrong with them.
  std::function<void(const kvern_plugin &)> check_options;
  std::vector<std::string> rules;  ///< only these; empty = all
  int repeat = 1;
  bool quick = false;       ///< fewer random sequences
  bool in_process = false;  ///< for a debugger: the first rule that crashes ends the program
  uint64_t seed = 1;        ///< of the random sequences
  double time_limit = 60;   ///< of each rule, in seconds
};

enum class State {
  kept,
  broken,
  undecided,  ///< another rule is broken, without which this one cannot be judged
};

struct RuleResult {
  std::string id, says;
  State state = State::kept;
  std::string text;     ///< what is wrong
  std::string output;   ///< what the plugin wrote meanwhile, where it is broken
  std::string program;  ///< a short sequence that shows it, as a C++ program; "" where there is none
  double seconds = 0;
};

struct CheckReport {
  std::string name, version;  ///< of the plugin; "" where it cannot be loaded
  std::string facts;          ///< one line about what was tried
  std::string problem;        ///< why no cache could be made, if there is none: options are missing, say
  std::vector<RuleResult> rules;

  int count(State state) const;
  bool all_kept() const { return count(State::kept) == static_cast<int>(rules.size()); }
};

/// Throws what check_options throws. `progress` is called with the id of each rule before it is checked.
CheckReport check_plugin(const CheckSettings &settings,
                         const std::function<void(const std::string &)> &progress = {});

/// The ids of all rules.
std::vector<std::string> rule_ids();

}  // namespace kvern::conformance
