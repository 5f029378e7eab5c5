// Counts outcomes and prints them: a line per kind, the failures, and the closing line.
#pragma once
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "tests/reference_runner/case.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {

/// Reasons for a skip that docs/reference.md lists.
const std::vector<std::string> &known_skip_reasons();

class Report {
 public:
  void add(const Case &c, const Outcome &outcome);
  void print(std::ostream &out) const;
  void print_json(std::ostream &out) const;
  /// 0 if something passed, nothing failed and every skip has a listed reason; else 1.
  int exit_code() const;

 private:
  struct Counts {
    int passed = 0, failed = 0, skipped = 0;
    std::map<std::string, int> reasons;
  };
  Counts total() const;
  std::map<std::string, Counts> kinds_;
  std::vector<std::pair<std::string, std::string>> failures_;  // case, text
  std::vector<std::string> unlisted_;                          // reasons that docs/reference.md does not list
};

}  // namespace kvern::reference
