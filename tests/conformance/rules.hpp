// The rules of the contract (docs/abi.md), one function each, for any plugin that holds keys. They know no test framework: a
// rule that is broken throws Violation.
#pragma once
#include "tests/conformance/rig.hpp"

namespace kvern::conformance {

struct Rule {
  const char *id;    ///< as in docs/abi.md
  const char *says;  ///< one sentence
  void (*check)(const Subject &);
};

/// In the order of docs/abi.md. A rule about a verb that the cache does not offer passes.
const std::vector<Rule> &rules();

// by file
extern const std::vector<Rule> table_rules, step_rules, row_rules, stream_rules;

/// A host with the extensions that the test offers.
class FullHost : public TestHost {
 public:
  explicit FullHost(bool moving = false);
};

/// A rig with two rows, one of them padded, that has seen a few tokens.
void talk(Rig &rig, int64_t n = 5);

}  // namespace kvern::conformance
