#include "runtime/constraint/regex.hpp"

#include "runtime/constraint/testing/slow_validator.hpp"
#include "runtime/constraint/testing/written.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::constraint;
using namespace kvern::test;

namespace {

std::string refusal(const std::string &pattern) {
  return error_text(ErrorKind::config, [&] { regex_language(pattern, "--response-format"); });
}

bool says(const std::string &pattern, const std::string &part) {
  return refusal(pattern).find(part) != std::string::npos;
}

bool matches_somewhere(const std::string &pattern, const std::string &text) {
  return regex_automaton(pattern, RegexMatch::anywhere, "p").matches(text);
}

}  // namespace

TEST_CASE("A pattern describes the texts that Python's re.fullmatch finds, byte by byte") {
  const auto cases = constrained_cases();
  for (const auto &item : cases["regexes"]) {
    const auto pattern = item["pattern"].get<std::string>();
    auto machine = machine_of(regex_language(pattern, "pattern"));
    for (const auto &text : item["valid"]) {
      INFO(pattern << " " << text);
      CHECK(accepts(machine, text.get<std::string>()));
    }
    for (const auto &text : item["invalid"]) {
      INFO(pattern << " " << text);
      CHECK_FALSE(accepts(machine, text.get<std::string>()));
    }
  }
}

TEST_CASE("Texts that a pattern's machine writes by chance are matched by PCRE2") {
  std::mt19937 random(1);
  const auto cases = constrained_cases();
  for (const auto &item : cases["regexes"]) {
    const auto pattern = item["pattern"].get<std::string>();
    auto machine = machine_of(regex_language(pattern, "pattern"));
    for (int i = 0; i < 10; ++i) {
      const auto text = written(machine, random, 60);
      INFO(pattern << " " << text.value_or(""));
      if (text) CHECK(found(pattern, *text, true));
    }
  }
}

TEST_CASE("A pattern of a schema is found anywhere, unless it says where the text begins and ends") {
  CHECK(matches_somewhere("b", "abc"));
  CHECK_FALSE(matches_somewhere("^b", "abc"));
  CHECK_FALSE(matches_somewhere("b$", "abc"));
  CHECK(matches_somewhere("^a|c$", "bc"));
  CHECK(matches_somewhere("(^|x)b", "axb"));
  CHECK_FALSE(matches_somewhere("(^|x)b", "ab"));
  CHECK(matches_somewhere("^$", ""));
  CHECK_FALSE(matches_somewhere("^$", "a"));
  CHECK(matches_somewhere("^\\s*$", ""));
}

TEST_CASE("What is wrong with a pattern, or beyond automata, is said with its place") {
  CHECK(says("(a", "a ')' is missing (at byte 2 of '(a')"));
  CHECK(says("a)", "a ')' without its '('"));
  CHECK(says("[a", "a ']' is missing"));
  CHECK(says("[z-a]", "ends before its beginning"));
  CHECK(says("*a", "nothing to repeat"));
  CHECK(says("a{3,2}", "ends below its beginning"));
  CHECK(says("a{20000}", "a count above 10000"));
  CHECK(says("a{9999}{9999}", "quantifier behind a quantifier"));
  CHECK(says("(a{9999}){9999}", "more than"));
  CHECK(says("(?=a)b", "look-around"));
  CHECK(says("(a)\\1", "backreferences"));
  CHECK(says("\\bword\\b", "word boundaries"));
  CHECK(says("a*+", "possessive"));
  CHECK(says("\\p{Nonsense}", "no character property 'Nonsense'"));
  CHECK(says("\\q", "the escape \\q"));
  CHECK(says("\xff", "not UTF-8"));
  CHECK(says("a$b", "no text matches"));
  CHECK(refusal("(a").starts_with("--response-format: "));
}
