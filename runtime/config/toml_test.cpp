#include "runtime/config/toml.hpp"

#include <limits>

#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using kvern::Option;
using kvern::OptionArray;
using kvern::OptionTable;
using kvern::config::parse_toml;
using kvern::config::parse_toml_value;
using kvern::test::error_text;

namespace {

std::string refusal(const std::string &text) {
  return error_text(kvern::ErrorKind::config, [&] { parse_toml(text, "run.toml"); });
}

template <class T>
T value_of(const std::string &text) {
  return std::get<T>(parse_toml_value(text, "--set x").value);
}

}  // namespace

TEST_CASE("Values keep their type, their order and the line they stand in") {
  const OptionTable table =
      parse_toml("zeta = 1\nalpha = 2.5\n\nname = 'x'\nyes = true\n[sub]\nlist = [1, 'two']\n", "run.toml");
  REQUIRE(table.size() == 5);
  CHECK(table[0].first == "zeta");
  CHECK(std::get<int64_t>(table[0].second.value) == 1);
  CHECK(std::get<double>(table[1].second.value) == 2.5);
  CHECK(table[2].second.place == "run.toml:4");
  CHECK(std::get<bool>(table[3].second.value));
  const auto &sub = std::get<OptionTable>(table[4].second.value);
  CHECK(std::get<OptionArray>(sub[0].second.value).size() == 2);
  CHECK(sub[0].second.place == "run.toml:7");
}

TEST_CASE("A text that is no TOML is refused with file and line") {
  CHECK_THAT(refusal("a = 1\nb = \n"), Catch::StartsWith("run.toml:2: is not valid TOML: "));
  CHECK_THAT(refusal("a = 1\na = 2\n"),
             Catch::StartsWith("run.toml:2: is not valid TOML: ") && Catch::Contains("cannot redefine"));
  CHECK_THAT(refusal("a = \"x\n"), Catch::StartsWith("run.toml:1: is not valid TOML: "));
  CHECK_THAT(refusal("a = [1, 2\n"), Catch::Contains("run.toml:") && Catch::Contains("is not valid TOML"));
}

TEST_CASE("A word without quotes is told that strings stand in quotes") {
  CHECK(refusal("a = 1\ncache_implementation = static # mine\n") ==
        "run.toml:2: is not valid TOML: strings stand in quotes: \"static\"");
}

TEST_CASE("A number that does not fit is refused instead of being cut") {
  CHECK(refusal("\na = 99999999999999999999") ==
        "run.toml:2: an integer is too large; integers have 64 bits");
  CHECK(refusal("a = 1e999") == "run.toml:1: a number is too large");
}

TEST_CASE("The largest and the smallest integer and number are read as they stand") {
  CHECK(value_of<int64_t>("9223372036854775807") == INT64_MAX);
  CHECK(value_of<int64_t>("-9223372036854775808") == INT64_MIN);
  CHECK(value_of<int64_t>("0x7FFF_FFFF") == 0x7FFFFFFF);
  CHECK(value_of<double>("1.7976931348623157e308") == std::numeric_limits<double>::max());
  CHECK(value_of<double>("1e-999") == 0);
  CHECK(error_text(kvern::ErrorKind::config, [] { parse_toml_value("9223372036854775808", "--set x"); }) ==
        "--set x: an integer is too large; integers have 64 bits");
}

TEST_CASE("A megabyte of TOML of any form is read in time linear in its length") {
  const auto repeated = [](const std::string &begin, const std::string &item, const std::string &end) {
    std::string text = begin;
    for (int i = 0; text.size() < 1000000; ++i) {
      text += item;
      if (item.find('#') != std::string::npos) text.replace(text.rfind('#'), 1, std::to_string(i));
    }
    return text + end;
  };
  for (const auto &text :
       {repeated("", "k# = 1\n", ""), repeated("", "[t#]\nx = 1\n", ""), repeated("", "[[t]]\n", ""),
        repeated("", "a.b.c# = 1\n", ""), repeated("a = [", "1,", "]"),
        repeated("a = {", "k# = 1,", "z = 1}"), repeated("a = [", "[],", "]")}) {
    INFO(text.substr(0, 40));
    CHECK_NOTHROW(parse_toml(text, "f"));
  }
}

TEST_CASE("A table is opened once, by one form") {
  CHECK_NOTHROW(parse_toml("[a.b]\n[a]\nx = 1\n[a.c]\n", "f"));
  CHECK_NOTHROW(parse_toml("[a]\nb.c = 1\nb.d = 2\n[a.b.e]\n", "f"));
  CHECK_NOTHROW(parse_toml("[[a]]\n[a.b]\n[[a]]\n[a.b]\n", "f"));
  for (const char *text :
       {"[a]\n[a]\n", "[a]\nb.c = 1\n[a.b]\n", "[a.b]\nx = 1\n[c]\n[a.b]\n", "a = {}\n[a.b]\n",
        "a = {}\na.b = 1\n", "a = []\n[[a]]\n", "[[a]]\n[a]\n", "a = 1\na.b = 2\n", "a = {b = 1, b = 2}"}) {
    INFO(text);
    CHECK_THAT(refusal(text),
               Catch::Contains("cannot redefine existing ") || Catch::Contains("into existing inline table"));
  }
}

TEST_CASE("Strings of all four forms are read as TOML defines them") {
  CHECK(value_of<std::string>(R"("a\t\"\\\u00e9\U0001F600")") == "a\t\"\\\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(value_of<std::string>(R"('a\b')") == "a\\b");
  CHECK(value_of<std::string>("\"\"\"\nx\\\n   y\"\"z\"\"\"\"\"") == "xy\"\"z\"\"");
  CHECK(value_of<std::string>("'''\r\nx\r\ny'''") == "x\ny");
  CHECK_THAT(refusal(R"(a = "\x")"), Catch::Contains("escape sequence"));
  CHECK_THAT(refusal(R"(a = "\ud800")"), Catch::Contains("surrogates"));
  CHECK_THAT(refusal("a = '\x01'"), Catch::Contains("control characters"));
}

TEST_CASE("A text that is no UTF-8 is refused before it is parsed") {
  CHECK(refusal("a = 1\nb = '\xb5" + std::string(100, '\xb5') + "'") ==
        "run.toml:2: is not valid UTF-8; TOML is UTF-8 text");
  CHECK(refusal("# \xff") == "run.toml:1: is not valid UTF-8; TOML is UTF-8 text");
}

TEST_CASE("Dates are no options") {
  CHECK(refusal("a = 1979-05-27") ==
        "run.toml:1: a date or time; no option is one. A string stands in quotes");
}

TEST_CASE("Nesting without end is refused before it is parsed") {
  CHECK(refusal("a = 1\nb = " + std::string(100000, '[')) == "run.toml:2: is nested more than 32 deep");
  std::string tables = "a = ";
  for (int i = 0; i < 100; ++i) tables += "{a = ";
  CHECK(refusal(tables) == "run.toml:1: is nested more than 32 deep");
  std::string key = "a";
  for (int i = 0; i < 1000; ++i) key += ".a";
  CHECK(refusal(key + " = 1") == "run.toml:1: is nested more than 32 deep");
}

TEST_CASE("Brackets and dots inside of strings and comments do not count as nesting") {
  const std::string many(100, '[');
  CHECK_NOTHROW(parse_toml(
      "a = \"" + many + "\" # " + many + "\nb = '''\n" + many + "'''\nc = \"\\\"" + many + "\"", "f"));
  std::string list = "0.5";
  for (int i = 0; i < 100; ++i) list += ", 0.5";
  CHECK_NOTHROW(parse_toml("a = [" + list + "]", "f"));
}

TEST_CASE("A text of many megabytes is no configuration") {
  CHECK(refusal(std::string(2 << 20, '\n')) ==
        "run.toml: is larger than 1 MB; a configuration is a small text");
}

TEST_CASE("A value on its own is TOML where it can be, else a string") {
  CHECK(value_of<int64_t>("4") == 4);
  CHECK(value_of<double>("0.5") == 0.5);
  CHECK(value_of<bool>("false") == false);
  CHECK(value_of<std::string>("static") == "static");
  CHECK(value_of<std::string>("./models/demo v2") == "./models/demo v2");
  CHECK(value_of<std::string>("\"4\"") == "4");
  CHECK(value_of<std::string>("") == "");
  CHECK(value_of<std::string>("2024-01-01") == "2024-01-01");
  CHECK(value_of<OptionArray>("[1, 2]").size() == 2);
  CHECK(value_of<OptionTable>("{ nbits = 4 }")[0].first == "nbits");
}

TEST_CASE("A value on its own cannot smuggle in a second key") {
  CHECK(value_of<std::string>("1\nb = 2") == "1\nb = 2");
  CHECK(value_of<std::string>("1\n[sub]") == "1\n[sub]");
}

TEST_CASE("A value that begins like TOML must be TOML") {
  CHECK(error_text(kvern::ErrorKind::config, [] { parse_toml_value("[1, 2", "--set a=[1, 2"); }) ==
        "--set a=[1, 2: is no valid TOML value; a string that begins with a quote or a bracket stands in "
        "quotes");
}

TEST_CASE("Characters that the parser takes for granted are checked before it") {
  const auto refused = [](const std::string &text) {
    return kvern::test::error_text(kvern::ErrorKind::config, [&] { parse_toml(text, "run.toml"); });
  };
  const std::string text = "is not valid TOML: a character that cannot stand there; texts stand in quotes";
  CHECK(refused("a = 1\n[(b]\n") == "run.toml:2: " + text);
  CHECK(refused("[[ =b]]") == "run.toml:1: " + text);
  CHECK(refused("[\n") == "run.toml:1: " + text);
  CHECK(refused("a = {1..n\xc6\xaa}") == "run.toml:1: " + text);
  CHECK(refused("\xc3\xa4 = 1") == "run.toml:1: " + text);
  CHECK_NOTHROW(parse_toml(
      "# \xc3\xa4\n[ \"\xc3\xa4\" ]\nb = [\n [1],\n [ [2] ],\n]\nc = '\xc3\xa4'\n[[d]]\n", "run.toml"));
}

TEST_CASE("All parts of a value on its own have its place") {
  const Option option = parse_toml_value("{ a = [1] }", "--set c={ a = [1] }");
  const auto &inner = std::get<OptionTable>(option.value)[0].second;
  CHECK(inner.place == "--set c={ a = [1] }");
  CHECK(std::get<OptionArray>(inner.value)[0].place == inner.place);
}
