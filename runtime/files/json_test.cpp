#include "runtime/files/json.hpp"

#include <cmath>
#include <ctime>

#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using kvern::files::JsonObject;

namespace {

JsonObject parsed(const std::string &text) { return JsonObject::parse(text, "c.json"); }

template <class Call>
std::string refusal(Call call) {
  return kvern::test::error_text(kvern::ErrorKind::model, call);
}

}  // namespace

TEST_CASE("Values are read by their type") {
  const JsonObject json = parsed(R"({"i": 3, "f": 0.5, "b": true, "s": "x", "is": [1, 2], "fs": [1, 0.5],
                                     "ss": ["a"], "o": {"deep": {"k": 7}}})");
  CHECK(json.integer("i") == 3);
  CHECK(json.number("i") == 3.0);
  CHECK(json.number("f") == 0.5);
  CHECK(json.boolean("b"));
  CHECK(json.string("s") == "x");
  CHECK(json.integers("is") == std::vector<int64_t>{1, 2});
  CHECK(json.numbers("fs") == std::vector<double>{1, 0.5});
  CHECK(json.strings("ss") == std::vector<std::string>{"a"});
  CHECK(json.object("o").object("deep").integer("k") == 7);
  CHECK(json.integer_or_list("i") == std::vector<int64_t>{3});
  CHECK(json.integer_or_list("is") == std::vector<int64_t>{1, 2});
}

TEST_CASE("Null counts as absent") {
  const JsonObject json = parsed(R"({"x": null})");
  CHECK_FALSE(json.has("x"));
  CHECK(json.integer("x", 5) == 5);
  CHECK(json.number("y", 0.5) == 0.5);
  CHECK(json.boolean("y", true));
  CHECK(json.string("y", "z") == "z");
  CHECK(json.size("y", 9) == 9);
  CHECK(json.integer_or_list("x").empty());
  CHECK(refusal([&] { json.integer("x"); }) == "c.json: x: is null; a value is needed");
}

TEST_CASE("An object outlives the document it came from") {
  const JsonObject inner = parsed(R"({"a": {"b": 1}})").object("a");
  CHECK(inner.integer("b") == 1);
}

TEST_CASE("A wrong type is refused with file, path and both types") {
  const JsonObject json =
      parsed(R"({"hidden_size": "64", "n": 1.5, "flag": 1, "list": [1, "x"], "o": {"k": []},
                                     "big": 18446744073709551615, "yes": true})");
  CHECK(refusal([&] { json.integer("hidden_size"); }) ==
        "c.json: hidden_size: expected an integer, found a string");
  CHECK(refusal([&] { json.integer("n"); }) == "c.json: n: expected an integer, found the number 1.5");
  CHECK(refusal([&] { json.integer("yes"); }) == "c.json: yes: expected an integer, found a boolean");
  CHECK(refusal([&] { json.integer("big"); }) ==
        "c.json: big: expected an integer of 64 bits, found the integer 18446744073709551615");
  CHECK(refusal([&] { json.number("hidden_size"); }) ==
        "c.json: hidden_size: expected a number, found a string");
  CHECK(refusal([&] { json.boolean("flag"); }) ==
        "c.json: flag: expected true or false, found the integer 1");
  CHECK(refusal([&] { json.string("flag"); }) == "c.json: flag: expected a string, found the integer 1");
  CHECK(refusal([&] { json.integers("list"); }) == "c.json: list[1]: expected an integer, found a string");
  CHECK(refusal([&] { json.numbers("list"); }) == "c.json: list[1]: expected a number, found a string");
  CHECK(refusal([&] { json.strings("list"); }) == "c.json: list[0]: expected a string, found the integer 1");
  CHECK(refusal([&] { json.integers("flag"); }) ==
        "c.json: flag: expected a list of integers, found the integer 1");
  CHECK(refusal([&] { json.numbers("o"); }) == "c.json: o: expected a list of numbers, found an object");
  CHECK(refusal([&] { json.strings("o"); }) == "c.json: o: expected a list of strings, found an object");
  CHECK(refusal([&] { json.integer_or_list("o"); }) ==
        "c.json: o: expected an integer or a list of integers, found an object");
  CHECK(refusal([&] { json.object("n"); }) == "c.json: n: expected an object, found the number 1.5");
  CHECK(refusal([&] { json.object("o").string("k"); }) == "c.json: o.k: expected a string, found a list");
}

TEST_CASE("A missing key is answered with the nearest one") {
  CHECK(refusal([] { parsed(R"({"hidden_dim": 1})").integer("hidden_size"); }) ==
        "c.json: hidden_size: is missing; did you mean 'hidden_dim'?");
  CHECK(refusal([] { parsed("{}").integer("hidden_size"); }) == "c.json: hidden_size: is missing");
}

TEST_CASE("A size is positive and fits 31 bits") {
  const JsonObject json = parsed(R"({"zero": 0, "huge": 4294967296, "one": 1})");
  CHECK(json.size("one") == 1);
  CHECK(refusal([&] { json.size("zero"); }) ==
        "c.json: zero: expected an integer from 1 to 2147483647, found 0");
  CHECK(refusal([&] { json.size("huge"); }) ==
        "c.json: huge: expected an integer from 1 to 2147483647, found 4294967296");
}

TEST_CASE("Numbers that Python writes and JSON lacks are read in lists, in both spellings") {
  const JsonObject json = parsed(R"({"s": "NaN, Infinity", "t": "\"Infinity",
                                     "l": [0.0, Infinity, -Infinity, NaN, {"__float__": "Infinity"}]})");
  CHECK(json.string("s") == "NaN, Infinity");
  CHECK(json.string("t") == "\"Infinity");
  const std::vector<double> list = json.numbers("l");
  CHECK(list[1] == INFINITY);
  CHECK(list[2] == -INFINITY);
  CHECK(std::isnan(list[3]));
  CHECK(list[4] == INFINITY);
}

TEST_CASE("A single number must be finite, an integer a JSON integer of 64 bits") {
  const JsonObject json =
      parsed(R"({"a": Infinity, "n": NaN, "m": {"__float__": "-Infinity"}, "x": {"__float__": "1"},
                                     "whole": 32.0, "wide": 99999999999999999999, "text": "1e3"})");
  CHECK(refusal([&] { json.number("a"); }) ==
        "c.json: a: expected a finite number, found the number Infinity");
  CHECK(refusal([&] { json.number("n"); }) == "c.json: n: expected a finite number, found the number NaN");
  CHECK(refusal([&] { json.number("m"); }) ==
        "c.json: m: expected a finite number, found the number -Infinity");
  CHECK(refusal([&] { json.number("x"); }) == "c.json: x: expected a number, found an object");
  CHECK(refusal([&] { json.number("text"); }) == "c.json: text: expected a number, found a string");
  CHECK(refusal([&] { json.integer("a"); }) == "c.json: a: expected an integer, found the number Infinity");
  CHECK(refusal([&] { json.integer("whole"); }) ==
        "c.json: whole: expected an integer, found the number 32.0");
  CHECK(refusal([&] { json.integer("wide"); }) ==
        "c.json: wide: expected an integer of 64 bits, found the number 1e+20");
  CHECK_THAT(refusal([] { parsed("{\"a\": 1e400}"); }), Catch::StartsWith("c.json: is not valid JSON: "));
}

TEST_CASE("A text that is no JSON object is refused with line and column") {
  CHECK_THAT(refusal([] { parsed("{\n  \"a\": ,\n}"); }),
             Catch::StartsWith("c.json: is not valid JSON: parse error at line 2, column 8: "));
  CHECK_THAT(refusal([] { parsed("{\"a\": \"\xff\"}"); }),
             Catch::StartsWith("c.json: is not valid JSON: parse error") && Catch::Contains("\\xff"));
  CHECK_THAT(refusal([] { parsed(""); }), Catch::StartsWith("c.json: is not valid JSON: "));
  CHECK(refusal([] { parsed("[1]"); }) == "c.json: expected an object ({...}) at the top, found a list");
}

TEST_CASE("A key may stand once in an object, and again in another") {
  CHECK_NOTHROW(parsed(R"({"a": {"k": 1}, "b": {"k": 1}, "c": [{"k": 1}, {"k": 2}]})"));
  CHECK(refusal([] { parsed(R"({"a": {"k": 1, "k": 2}})"); }) ==
        "c.json: the key 'k' stands twice in one object; each key may be given once");
}

TEST_CASE("Nesting beyond the limit is refused before anything is parsed") {
  for (const size_t depth : {size_t{200}, size_t{1} << 20}) {
    CHECK_THAT(refusal([&] { parsed("{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}"); }),
               Catch::StartsWith("c.json: line 1 is nested too deep"));
  }
  CHECK_NOTHROW(parsed("{\"a\":" + std::string(127, '[') + std::string(127, ']') + "}"));
}

TEST_CASE("Reading JSON takes time in proportion to the number of objects") {
  const auto seconds = [](int n) {
    std::string text = "{";
    for (int i = 0; i < n; ++i)
      text += (i ? ",\"" : "\"") + std::to_string(i) + "\":{\"dtype\":\"F32\",\"shape\":[1]}";
    text += "}";
    const std::clock_t begin = std::clock();
    JsonObject::parse(text, "model.safetensors");
    return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  };
  const double few = seconds(2500);
  CHECK(seconds(40000) < 64 * few + 0.5);  // 16 times as many; by the square it would be 256 times as long
}
