// The examples keep every rule of the contract, and are as short as the docs say.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "check/config.hpp"
#include "check/probe.hpp"
#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

namespace {

std::string example(const std::string &name) {
  return std::string(std::getenv("KVERN_BUILD_DIR")) + "/lib/kvern/test_plugins/examples/libkvern_" + name +
         ".so";
}

std::string source_of(const std::string &path) {
  std::ifstream in(std::string(std::getenv("KVERN_SOURCE_DIR")) + "/" + path);
  REQUIRE(in);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A cache with options, whose rules are checked.
struct Case {
  const char *name;
  std::vector<const kvern_option *> options;
  double tolerance = 0;

  void check(const std::string &library) const {
    SubjectOptions of_subject;
    of_subject.options = options;
    of_subject.tolerance = tolerance;
    check_rules(open_subject(library, of_subject));
  }
};

}  // namespace

TEST_CASE("each example of a cache keeps every rule of the contract") {
  Config config;
  const std::vector<Case> examples{{"counted", {}},
                                   {"float8", {}, 0.1},
                                   {"heavy_hitters", {config.integer("budget", 12)}},
                                   {"last_tokens", {config.integer("window_length", 6)}},
                                   {"two_bits", {}, 0.6}};
  for (const Case &one : examples) one.check(example(one.name));
}

TEST_CASE("each example keeps every rule inside a composite") {
  Config config;
  const std::vector<Case> all{
      {"encoder_decoder", {config.string("cross_attention", "float8")}, 0.1},
      {"encoder_decoder",
       {config.string("self_attention", "last_tokens"),
        config.table("self_attention_config", {config.integer("window_length", 4)})}},
      {"hybrid",
       {config.string("attention", "last_tokens"),
        config.table("attention_config", {config.integer("window_length", 4)})}},
  };
  for (const Case &one : all) one.check(built_library(one.name));
}

TEST_CASE("a file of an example with another window is refused") {
  Config config;
  const auto subject = [&](int64_t length) {
    SubjectOptions options;
    options.options = {config.integer("window_length", length)};
    return open_subject(example("last_tokens"), options);
  };
  const Subject four = subject(4), five = subject(5);
  FullHost host;
  CacheHarness a(four, host, 1), b(five, host, 2);
  feed_tokens(a, 9);
  std::string message;
  CHECK(b.load(a.save(), &message) == KVERN_BAD_DATA);
  CHECK_THAT(message, Catch::Contains("window_length"));
}

TEST_CASE(
    "a cache that attends to packed keys has memory to unpack them while it exports them, and no longer") {
  SubjectOptions options;
  options.tolerance = 0.1;
  Subject subject = open_subject(example("float8"), options);
  subject.own_word = false;  // which reads keys back
  FullHost host;
  CacheHarness harness(subject, host, 1);
  harness.rows.assign(1, Row{});
  const auto unpacked = [&](StepPlan::Path path) {
    REQUIRE(harness.step({{3}, StepPlan::kAll, {}, -1, 0, path}) == Outcome::done);
    int64_t packed = 0;
    for (int layer = 0; layer < std::ssize(subject.layers); ++layer)
      packed += harness.info(layer).bytes_device;
    return harness.info().bytes_device - packed;
  };
  CHECK(unpacked(StepPlan::Path::attend) == 0);
  CHECK(unpacked(StepPlan::Path::update) > 0);
  unpacked(StepPlan::Path::attend);
  CHECK(unpacked(StepPlan::Path::attend) == 0);
}

TEST_CASE("an example that evicts or has a window is told from one that keeps every token") {
  Config config;
  const auto keeps_all = [&](const char *name, const kvern_option *option) {
    SubjectOptions options;
    options.options = {option};
    return open_subject(example(name), options).keeps_all;
  };
  CHECK_FALSE(keeps_all("heavy_hitters", config.integer("budget", 12)));
  CHECK_FALSE(keeps_all("last_tokens", config.integer("window_length", 6)));
  CHECK(keeps_all("last_tokens", config.integer("window_length", 4096)));
}

TEST_CASE("the examples are short") {
  const auto lines = [](const std::string &name) {
    const std::string text = source_of("sdk/examples/" + name + ".cpp");
    return std::count(text.begin(), text.end(), '\n');
  };
  CHECK(lines("two_bits") <= 40);
  CHECK(lines("float8") <= 80);
  CHECK(lines("heavy_hitters") <= 80);
}

TEST_CASE("the docs give the lengths of the examples as they are") {
  const std::string page = source_of("docs/write-a-cache.md");
  for (const std::string name :
       {"counted", "float8", "heavy_hitters", "last_tokens", "rounded", "two_bits"}) {
    const std::string text = source_of("sdk/examples/" + name + ".cpp");
    const std::string row =
        "| `" + name + ".cpp` | " + std::to_string(std::count(text.begin(), text.end(), '\n')) + " |";
    INFO("docs/write-a-cache.md lacks: " << row);
    CHECK(page.find(row) != std::string::npos);
  }
}
