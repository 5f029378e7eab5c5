#include "runtime/config/json.hpp"

#include <cmath>

#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using kvern::OptionArray;
using kvern::OptionTable;
using kvern::config::parse_json;
using kvern::test::error_text;

namespace {

std::string refusal(const std::string &text) {
  return error_text(kvern::ErrorKind::config, [&] { parse_json(text, "run.json"); });
}

template <class T>
T value_of(const std::string &text) {
  return std::get<T>(parse_json("{\"a\": " + text + "}", "run.json").at(0).second.value);
}

}  // namespace

TEST_CASE("JSON values keep their type, their order and the line they stand in") {
  const OptionTable table = parse_json(
      "{\n \"zeta\": 1,\n \"alpha\": 1.0,\n \"sub\": {\n  \"list\": [1, \"two\"]}, \"no\": null}\n",
      "run.json");
  REQUIRE(table.size() == 3);
  CHECK(table[0].first == "zeta");
  CHECK(std::get<int64_t>(table[0].second.value) == 1);
  CHECK(std::get<double>(table[1].second.value) == 1);
  CHECK(table[1].second.place == "run.json:3");
  const auto &sub = std::get<OptionTable>(table[2].second.value);
  CHECK(std::get<OptionArray>(sub[0].second.value).size() == 2);
  CHECK(sub[0].second.place == "run.json:5");
}

TEST_CASE("Strings, numbers and words of JSON have their value") {
  CHECK(value_of<std::string>(R"("a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")") ==
        "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(value_of<int64_t>("9223372036854775807") == INT64_MAX);
  CHECK(value_of<int64_t>("-9223372036854775808") == INT64_MIN);
  CHECK(value_of<double>("-0.5e+3") == -500);
  CHECK(value_of<double>("1e-999") == 0);
  CHECK(value_of<bool>("true"));
  CHECK(std::isnan(value_of<double>("NaN")));
  CHECK(value_of<double>("-Infinity") == -INFINITY);
  CHECK(parse_json("\xef\xbb\xbf{}", "f").empty());
}

TEST_CASE("A text that is not JSON is refused with file and line") {
  CHECK(refusal("") ==
        "run.json:1: is not valid JSON: the text is an object in braces, found the end of the text");
  CHECK(refusal("[1]") == "run.json:1: is not valid JSON: the text is an object in braces, found '['");
  CHECK(refusal("{\n\"a\": 1,\n}") ==
        "run.json:3: is not valid JSON: an object ends with ','; a key is missing");
  CHECK(refusal("{\"a\": [1,]}") ==
        "run.json:1: is not valid JSON: a list ends with ','; a value is missing");
  CHECK(refusal("{\n\"a\": static}") ==
        "run.json:2: is not valid JSON: a value is missing, found 's'; strings stand in double quotes");
  CHECK(refusal("{\"a\": 1,\n\"a\": 2}") ==
        "run.json:2: is not valid JSON: 'a' already exists, since line 1");
  CHECK(refusal("{\"a\": 1} x") == "run.json:1: is not valid JSON: expected the end of the text, found 'x'");
  CHECK(refusal("{\"a\": \"x\n\"}") == "run.json:1: is not valid JSON: a string has no closing \"");
  CHECK(refusal("{\"a\": \"\\ud800\"}") ==
        "run.json:1: is not valid JSON: \\u names half of a surrogate pair");
  for (const char *number : {"01", "1.", "-", "1e", "+1", ".5", "0x1"}) {
    INFO(number);
    CHECK_THAT(refusal("{\"a\": " + std::string(number) + "}"),
               Catch::StartsWith("run.json:1: is not valid JSON: "));
  }
}

TEST_CASE("JSON numbers that do not fit are refused, deep nesting and large texts too") {
  CHECK(refusal("{\"a\":\n9223372036854775808}") ==
        "run.json:2: an integer is too large; integers have 64 bits");
  CHECK(refusal("{\"a\": 1e999}") == "run.json:1: a number is too large");
  CHECK(refusal("{\"a\": " + std::string(100000, '[')) == "run.json:1: is nested more than 32 deep");
  CHECK(refusal(std::string(2 << 20, ' ')) ==
        "run.json: is larger than 1 MB; a configuration is a small text");
  CHECK(refusal("{\"\xff\": 1}") == "run.json:1: is not valid UTF-8; JSON is UTF-8 text");
}
