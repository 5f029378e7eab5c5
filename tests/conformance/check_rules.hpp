// All rules for one subject, as Catch2 assertions.
#pragma once
#include "check/rules.hpp"
#include "tests/support/test.hpp"

namespace kvern::conformance {

inline void check_rules(const Subject &subject) {
  for (const Rule &rule : rules()) {
    INFO(subject.name << ", rule " << rule.id << ": " << rule.says);
    CHECK_NOTHROW(rule.check(subject));
  }
}

inline Subject subject_of(const std::string &plugin, std::vector<kvern_layer> layers) {
  Subject subject;
  subject.name = plugin;
  subject.plugin = built_plugin(plugin);
  subject.library = built_library(plugin);
  subject.layers = std::move(layers);
  return subject;
}

}  // namespace kvern::conformance
