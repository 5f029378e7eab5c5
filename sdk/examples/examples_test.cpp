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

}  // namespace

TEST_CASE("each example of a cache keeps every rule of the contract") {
  Config config;
  struct Example {
    const char *name;
    std::vector<const kvern_option *> options;
    double tolerance = 0;
  };
  const std::vector<Example> examples{{"counted", {}},
                                      {"float8", {}, 0.1},
                                      {"heavy_hitters", {config.integer("budget", 12)}},
                                      {"last_tokens", {config.integer("window_length", 6)}},
                                      {"two_bits", {}, 0.6}};
  for (const Example &one : examples) {
    SubjectOptions options;
    options.options = one.options;
    options.tolerance = one.tolerance;
    check_rules(open_subject(example(one.name), options));
  }
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
