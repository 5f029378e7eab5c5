// kvern check as an author meets it: reports, exit codes, and mistakes on the command line.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;

namespace {

Ran check(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program("kvern"), "check"});
  return run(arguments);
}

std::string library(const std::string &kind, const std::string &name) {
  return std::string(std::getenv("KVERN_BUILD_DIR")) + "/lib/kvern/test_plugins/" + kind + "/libkvern_" +
         name + ".so";
}

void expect_error(const std::vector<std::string> &arguments, int code, const std::string &text) {
  const Ran ran = check(arguments);
  INFO(ran.err);
  CHECK(ran.code == code);
  CHECK(ran.out.empty());
  CHECK_THAT(ran.err, Catch::Contains(text));
}

}  // namespace

TEST_CASE("a conforming cache is reported rule by rule, with exit code 0") {
  const Ran ran = check({"dynamic", "--rule", "3.11", "--rule", "4.1"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.err.empty());
  CHECK_THAT(ran.out, Catch::Contains("dynamic 1.0.0") && Catch::Contains("float32; keeps every token") &&
                          Catch::Contains("3.11") && Catch::EndsWith("3 rules kept, 0 broken\n"));
}

TEST_CASE("a broken cache is reported with the verb and exit code 5") {
  const Ran ran =
      check({library("broken", "defects"), "--set", "cache_config.defect=\"crashes\"", "--rule", "9.1"});
  CHECK(ran.code == 5);
  CHECK_THAT(ran.out, Catch::Contains("crashed in gather: Segmentation fault") && Catch::Contains("BROKEN"));
}

TEST_CASE("a sequence that fails is printed as a program") {
  const Ran ran =
      check({library("broken", "defects") + "{defect = \"forgets_gather\"}", "--rule", "7.1", "--quick"});
  CHECK(ran.code == 5);
  CHECK_THAT(ran.out, Catch::Contains("p.gather(") && Catch::Contains("int main() {"));
}

TEST_CASE("reports are also JSON and JUnit") {
  const std::vector<std::string> few{
      library("broken", "defects"), "--set", "cache_config.defect=\"nan\"", "--rule", "3.9", "--rule", "4.1"};
  const auto with = [&](const std::string &format) {
    auto arguments = few;
    arguments.insert(arguments.end(), {"--format", format});
    return check(arguments);
  };
  const Json json = Json::parse(with("json").out);
  CHECK(json["name"] == "defects");
  std::map<std::string, std::string> states;
  for (const Json &rule : json["rules"]) states[rule["id"]] = rule["state"];
  CHECK(states ==
        std::map<std::string, std::string>{{"1.1", "kept"}, {"3.9", "broken"}, {"4.1", "undecided"}});
  const std::string junit = with("junit").out;
  CHECK_THAT(junit, Catch::StartsWith("<?xml version=\"1.0\"") &&
                        Catch::Contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"") &&
                        Catch::Contains("<failure message=\"a slot holds an element that is not finite"));
}

TEST_CASE("options of the cache are checked, and missing ones are the cache's to say") {
  expect_error({"dynamic", "--set", "cache_config.nbits=3"}, 3, "nbits");
  const Ran refused = check({"quantized", "--set", "cache_config.nbits=5"});
  CHECK(refused.code == 5);
  CHECK_THAT(refused.out,
             Catch::Contains("no cache could be made") && Catch::Contains("option 'nbits' is 5"));
}

TEST_CASE("mistakes on the command line are said in one line") {
  expect_error({}, 2, "name one cache to check");
  expect_error({"dynamc"}, 5, "did you mean 'dynamic'?");
  expect_error({"/nowhere/libkvern_x.so"}, 5, "there is no such file");
  expect_error({"dynamic", "--rule", "12.1"}, 2, "there is no such rule");
  expect_error({"dynamic", "--repeat", "0"}, 2, "at least 1 is required");
  expect_error({"dynamic", "--format", "xml"}, 2, "junit");
}

TEST_CASE("a file that is no library is a result, not an error") {
  const Ran ran = check({library("broken", "text_file")});
  CHECK(ran.code == 5);
  CHECK_THAT(ran.out, Catch::Contains("not a shared library of 64 bits"));
}

TEST_CASE("times are measured beside dynamic") {
  const Ran ran = check(
      {"static", "--rule", "1.1", "--perf", "--format", "json", "--set", "cache_config.max_cache_len=1024"});
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  const Json json = Json::parse(ran.out);
  CHECK(json["speed"][0]["name"] == "static");
  CHECK(json["speed"][1]["name"] == "dynamic");
  CHECK(json["speed"][1]["step_ns"] > 0);
}
