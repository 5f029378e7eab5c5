// Every built-in cache and example keeps every rule, checked as `kvern check --quick` does.
#include "check/check.hpp"
#include "check/config.hpp"
#include "tests/support/test.hpp"

using namespace kvern::conformance;

namespace {

void check_quickly(const std::string &plugin, double tolerance = 0,
                   std::vector<const kvern_option *> options = {}) {
  CheckSettings settings;
  settings.library = built_library(plugin);
  settings.subject.tolerance = tolerance;
  settings.subject.options = std::move(options);
  settings.quick = true;
#ifdef __SANITIZE_ADDRESS__
  settings.rules = {"3.11", "6.3", "9.1", "9.2"};  // the others run in the tests of the caches themselves
#endif
  const CheckReport report = check_plugin(settings);
  INFO(plugin << ": " << report.facts << report.problem);
  CHECK(report.name == plugin);
  CHECK(report.rules.size() >= (settings.rules.empty() ? rule_ids().size() : settings.rules.size()));
  for (const RuleResult &rule : report.rules) {
    INFO("rule " << rule.id << ": " << rule.says << ": " << rule.text << "\n" << rule.program);
    CHECK(rule.state == State::kept);
  }
}

}  // namespace

TEST_CASE("caches that keep every token keep every rule") {
  for (const char *name :
       {"dynamic", "static", "paged", "batching", "hybrid", "mamba", "none", "encoder_decoder"})
    check_quickly(name);
}

TEST_CASE("decorators and windows keep every rule") {
  for (const char *name : {"offloaded", "offloaded_static", "sliding_window"}) check_quickly(name);
}

TEST_CASE(
    "a window that the model does not have keeps every rule, and so does a cache that holds such a cache") {
  Config config;
  const std::vector<const kvern_option *> window{config.integer("window_length", 4),
                                                 config.boolean("force", true)};
  check_quickly("sliding_window", 0, window);
  const auto check_around = [&](const char *name, const char *inner, const char *inner_config) {
    check_quickly(name, 0, {config.string(inner, "sliding_window"), config.table(inner_config, window)});
  };
  check_around("hybrid", "attention", "attention_config");
  check_around("mamba", "attention", "attention_config");
  check_around("encoder_decoder", "self_attention", "self_attention_config");
  check_around("offloaded", "inner", "inner_config");
}

TEST_CASE("caches that drop tokens keep every rule, taken at the word of their views") {
  Config config;
  check_quickly("sink", 0, {config.integer("window_length", 9), config.integer("num_sink_tokens", 2)});
  check_quickly("evicting", 0,
                {config.string("policy", "h2o"), config.integer("budget_tokens", 8),
                 config.integer("num_sink_tokens", 2)});
}

TEST_CASE("caches that round keep every rule within a tolerance") {
  Config config;
  check_quickly("quantized", 0.3);
  check_quickly("rounded", 0.2);
}
