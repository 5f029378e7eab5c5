// Plugins that are broken on purpose: each is caught on its rule. What follows from it is undecided, or a sequence of all verbs.
#include <algorithm>
#include <cstdlib>

#include "check/check.hpp"
#include "check/config.hpp"
#include "tests/support/test.hpp"

using namespace kvern::conformance;

namespace {

using Rules = std::vector<std::string>;

std::string folder() {
  return std::string(std::getenv("KVERN_BUILD_DIR")) + "/lib/kvern/test_plugins/broken/";
}

/// The broken rules, without those that run sequences of all verbs.
Rules broken_rules(const CheckReport &report) {
  Rules ids;
  for (const RuleResult &rule : report.rules)
    if (rule.state == State::broken && rule.id != "6.2" && rule.id != "7.1") ids.push_back(rule.id);
  return ids;
}

CheckSettings quick(const std::string &library) {
  CheckSettings settings;
  settings.library = folder() + "libkvern_" + library + ".so";
  settings.quick = true;
  settings.time_limit = 20;
  return settings;
}

std::string text_of_rule(const CheckReport &report, const std::string &id) {
  for (const RuleResult &rule : report.rules)
    if (rule.id == id) return rule.text;
  return "";
}

struct Defect {
  const char *name;
  Rules rules;
  const char *says;  ///< a part of the text of the first rule
};

const std::vector<Defect> kDefects{
    {"none", {}, ""},
    {"says_nothing", {"1.3"}, "empty message"},
    {"leaking_create", {"1.3"}, "kept memory"},
    {"overruns_info", {"1.4"}, "no room"},
    {"no_info", {"1.2"}, "the cache has no info"},
    {"view_outside", {"2.1", "2.3"}, "view outside a step"},
    {"gather_inside", {"2.2"}, "gather inside a step"},
    {"any_shape", {"2.3"}, "keys of another shape are accepted"},
    {"late_memory", {"3.2"}, "memory is asked for after begin"},
    {"any_position", {"3.3"}, "a row may not skip a position"},
    {"any_flag", {"3.4"}, "an unknown flag is accepted"},
    {"changing_view", {"3.8"}, "view differs before and after update"},
    {"nan", {"3.9"}, "not finite"},
    {"short_export", {"3.9"}, "another shape or type than view reported"},
    {"borrowed", {"3.10"}, "the cache still reads them"},
    {"swapped", {"3.11"}, "stored was"},
    {"off_by_one", {"3.11"}, "at position"},
    {"attend", {"3.11"}, "attend gives another result"},
    {"tokens", {"3.12"}, "info.tokens is"},
    {"any_row", {"4.2"}, "rows that are not there"},
    {"forgets_append", {"4.4"}, ""},
    {"leaking_clone", {"4.6"}, "a clone that failed keeps memory"},
    {"reads_too_far", {"5.1"}, "load reads"},
    {"believes_streams", {"5.2", "5.3", "5.4"}, "gives status 0"},
    {"deaf_save", {"5.5"}, "a stream that breaks succeeds"},
    {"leaks", {"6.1"}, "destroy leaves buffers"},
    {"bytes", {"1.4", "6.1"}, ""},
    {"out_of_bounds", {"6.3"}, "beyond the ends of a buffer"},
    {"releases_twice", {"6.3"}, "release of a buffer that is not there"},
    {"throws", {"9.1"}, "reset lets an exception out: nothing to reset"},
    {"aborts", {"9.1"}, "crashed in truncate: Aborted"},
    {"crashes", {"9.1"}, "crashed in gather: Segmentation fault"},
    {"crashes_in_destroy", {"9.1"}, "crashed in destroy: Segmentation fault"},
    {"exits_in_update", {"9.1"}, "ended the process in update, exit code 0"},
    {"aborts_in_update", {"9.1"}, "crashed in update: Aborted"},
    {"exits", {"9.1"}, "ended the process in clone, exit code 0"},
    {"prints", {"9.2"}, "writes to standard output: update"},
    {"prints_errors", {"9.2"}, "writes to standard error: update"},
    {"signals", {"9.3"}, "handler of a signal"},
    {"locale", {"9.3"}, "locale"},
    {"files", {"9.3"}, "a file is left open: /dev/null"},
};

}  // namespace

TEST_CASE("each defect of a cache is caught on its rule, and said in one sentence") {
  for (const Defect &defect : kDefects) {
    INFO(defect.name);
    Config config;
    CheckSettings settings = quick("defects");
    settings.subject.options = {config.string("defect", defect.name)};
    const CheckReport report = check_plugin(settings);
    CHECK(broken_rules(report) == defect.rules);
    if (defect.rules.empty()) continue;
    CHECK_THAT(text_of_rule(report, defect.rules[0]), Catch::Contains(defect.says));
  }
}

TEST_CASE("a verb that forgets what it was asked is caught on the rules of that verb") {
  const std::pair<const char *, const char *> verbs[] = {
      {"gather", "4.1"}, {"reorder", "4.1"}, {"truncate", "4.5"}, {"reset", "4.7"}};
  for (const auto &[verb, rule] : verbs) {
    INFO(verb);
    Config config;
    CheckSettings settings = quick("defects");
    settings.subject.options = {config.string("defect", std::string("forgets_") + verb)};
    const Rules broken = broken_rules(check_plugin(settings));
    CHECK(std::count(broken.begin(), broken.end(), rule) == 1);
    CHECK(std::count(broken.begin(), broken.end(), "3.11") == 0);
  }
}

TEST_CASE("a step that cannot be undone is caught on that rule, and shown by a short program") {
  Config config;
  CheckSettings settings = quick("defects");
  settings.subject.options = {config.string("defect", "end_zero")};
  const CheckReport report = check_plugin(settings);
  const Rules broken = broken_rules(report);
  CHECK(std::count(broken.begin(), broken.end(), "3.5") == 1);
  for (const RuleResult &rule : report.rules) {
    if (rule.id != "7.1") continue;
    CHECK_THAT(rule.program,
               Catch::Contains("config.string(\"defect\", \"end_zero\")") && Catch::Contains("p.finish();"));
    CHECK(std::count(rule.program.begin(), rule.program.end(), '\n') < 30);
  }
}

TEST_CASE("a call without end is ended") {
  Config config;
  CheckSettings settings = quick("defects");
  settings.subject.options = {config.string("defect", "hangs")};
  settings.time_limit = 0.5;
  settings.rules = {"9.1", "4.7", "4.6"};
  const CheckReport report = check_plugin(settings);
  CHECK(broken_rules(report) == Rules{"9.1"});
  CHECK(text_of_rule(report, "9.1") == "did not return within 0.5 s in reset");
}

TEST_CASE("libraries that cannot be used are caught on the rules of files and tables") {
  const std::pair<const char *, const char *> libraries[] = {
      {"no_symbol", "1.5"},    {"undefined_symbol", "1.7"}, {"text_file", "1.5"},  {"null_table", "1.1"},
      {"too_new", "1.1"},      {"too_old", "1.1"},          {"wrong_name", "1.1"}, {"throws_in_entry", "9.1"},
      {"short_ops", "1.2"},    {"throws_in_create", "9.1"}, {"lying_view", "3.8"}, {"lying_update", "3.9"},
      {"exports_more", "1.5"}, {"own_runtime", "1.6"},      {"unloadable", "1.6"}, {"hidden_torch", "1.8"},
  };
  for (const auto &[library, rule] : libraries) {
    INFO(library);
    const Rules broken = broken_rules(check_plugin(quick(library)));
    CHECK(std::count(broken.begin(), broken.end(), rule) == 1);
  }
  CheckSettings other = quick("other_torch");
  other.subject.host_build = "torch=2.11.0;cxx11abi=1";
  const CheckReport report = check_plugin(other);
  CHECK(text_of_rule(report, "1.8") ==
        "it was built for torch=2.10.0;cxx11abi=1, this kvern is torch=2.11.0;cxx11abi=1");
}
