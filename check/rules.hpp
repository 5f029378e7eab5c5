// The rules of the contract (docs/abi.md), one function each, for any plugin that holds keys. They are independent of the test framework: a
// rule that is broken throws Violation.
#pragma once
#include "check/harness.hpp"

namespace kvern::conformance {

/// What a rule looks at: the file, the plugin's table, or a cache.
enum class Needs { cache, table, library };

/// Random sequences of operations that a rule is about.
enum class Sequences { none, any, moving };

struct Rule {
  const char *id;    ///< as in docs/abi.md
  const char *says;  ///< one sentence
  void (*check)(const Subject &);
  Needs needs = Needs::cache;
  bool basic =
      false;  ///< where it is broken, what the harness notices in other rules says nothing about those
  Sequences sequences = Sequences::none;  ///< `kvern check` draws these, and shrinks the one that fails
};

/// In the order of docs/abi.md. A rule about a verb that the cache does not offer passes.
const std::vector<Rule> &rules();

// by file
extern const std::vector<Rule> library_rules, table_rules, plain_rules, step_rules, row_rules, stream_rules,
    device_rules, process_rules;

/// Throws Violation of rule 1.2.
void check_required_verbs(const kvern_cache &cache);

/// A host with the extensions that the test offers.
class FullHost : public TestHost {
 public:
  explicit FullHost(bool moving = false);
  explicit FullHost(const Schedule &schedule);
};

/// Every verb that the cache offers, growth included, on a host that never fails.
void use_all_verbs(const Subject &subject, TestHost &host);
/// The same, of which only what breaks `rule` is thrown: what breaks another is that rule's business.
void check_all_verbs(const Subject &subject, TestHost &host, const std::string &rule);

/// Feeds n tokens to two fresh rows, one of them padded.
void feed_tokens(CacheHarness &harness, int64_t n = 5);

/// One more token in each row. Throws Violation where that is refused.
void expect_decodes(CacheHarness &harness);

}  // namespace kvern::conformance
