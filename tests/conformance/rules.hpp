// The rules of the contract (docs/abi.md), one function each, for any plugin that holds keys. They are independent of the test framework: a
// rule that is broken throws Violation.
#pragma once
#include "tests/conformance/harness.hpp"

namespace kvern::conformance {

struct Rule {
  const char *id;    ///< as in docs/abi.md
  const char *says;  ///< one sentence
  void (*check)(const Subject &);
};

/// In the order of docs/abi.md. A rule about a verb that the cache does not offer passes.
const std::vector<Rule> &rules();

// by file
extern const std::vector<Rule> table_rules, step_rules, row_rules, stream_rules, device_rules;

/// A host with the extensions that the test offers.
class FullHost : public TestHost {
 public:
  explicit FullHost(bool moving = false);
  explicit FullHost(const Schedule &schedule);

 private:
  void offer_all();
};

/// Feeds n tokens to two fresh rows, one of them padded.
void feed_tokens(CacheHarness &harness, int64_t n = 5);

}  // namespace kvern::conformance
