#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

namespace {

std::string file(const std::string &path) {
  std::ifstream in(std::string(std::getenv("KVERN_SOURCE_DIR")) + "/" + path);
  REQUIRE(in);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

kvern_option bits(int64_t value) {
  kvern_option option{};
  option.struct_size = sizeof option;
  option.type = KVERN_INT;
  option.key = "nbits";
  option.i = value;
  return option;
}

}  // namespace

TEST_CASE("the example keeps every rule of the contract") {
  const kvern_option eight = bits(8);
  Subject subject = subject_of("rounded", {attention_layer(), attention_layer()});
  subject.options = {&eight};
  subject.tolerance = 0.02;
  check_rules(subject);
}

TEST_CASE("the example loses more with fewer bits, and says no to what it cannot do") {
  const kvern_option eight = bits(8), two = bits(2), nine = bits(9);
  Subject subject = subject_of("rounded", {attention_layer()});
  subject.tolerance = 0.02;
  FullHost host;
  subject.options = {&eight};
  CHECK_NOTHROW(feed_tokens(*std::make_unique<CacheHarness>(subject, host, 1), 8));
  subject.options = {&two};
  CHECK_THROWS_AS(feed_tokens(*std::make_unique<CacheHarness>(subject, host, 1), 8), Violation);
  subject.options = {&nine};
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(subject, host, &cache, &message) == KVERN_INVALID_ARGUMENT);
  CHECK(message.find("nbits") != std::string::npos);
  subject.options = {&eight};
  subject.type = {kDLBfloat, 16, 1};
  CHECK(make_cache(subject, host, &cache, &message) == KVERN_UNSUPPORTED);
}

TEST_CASE("the walk-through shows the example as it is compiled") {
  CHECK(file("docs/write-a-cache.md").find(file("sdk/examples/rounded.cpp")) != std::string::npos);
}
