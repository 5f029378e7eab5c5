#include "runtime/tokenizer/text/regex.hpp"

#include <ctime>
#include <kvern/error.hpp>
#include <random>
#include <stdexcept>
#include <string>

#include "runtime/tokenizer/text/regex_syntax.hpp"
#include "tests/support/test.hpp"

using kvern::tokenizer::Match;
using kvern::tokenizer::PatternSteps;
using kvern::tokenizer::pcre2_pattern;
using kvern::tokenizer::Regex;

namespace {

// The hits, each in brackets.
std::string hits(const std::string &pattern, std::string_view text) {
  std::string out;
  for (const Match &m : Regex(pattern).find_all(text))
    if (m.hit) out.append("[").append(text.substr(m.begin, m.end - m.begin)).append("]");
  return out;
}

}  // namespace

TEST_CASE("What a search returns covers the text without gaps") {
  CHECK(Regex("b+").find_all("abbc") == std::vector<Match>{{0, 1, false}, {1, 3, true}, {3, 4, false}});
  CHECK(Regex("x").find_all("").empty());
}

TEST_CASE("An empty match right behind a match doesn't count") {
  CHECK(Regex("a*").find_all("ab") == std::vector<Match>{{0, 1, true}, {1, 2, false}, {2, 2, true}});
}

TEST_CASE("An interval with a plus is repeated, as in Ruby, and not possessive") {
  CHECK(hits("a{1,2}+", "aaaaa") == "[aaaaa]");
  CHECK(hits("(?:ab){2}+", "ababababab") == "[abababab]");
  CHECK(hits("x{,2}y", "xxxy") == "[xxy]");
}

TEST_CASE("Classes inside classes and intersections are understood") {
  CHECK(hits(R"([^(\s|[.,!])]+)", "ab.c (d") == "[ab][c][d]");
  CHECK(hits(R"([\p{L}&&[^aeiou]]+)", "hello") == "[h][ll]");
  CHECK(hits(R"([a[^b]]+)", "abbc") == "[a][c]");
  CHECK(hits(R"([^a-c&&[b-z]]+)", "abcd") == "[a][d]");
}

TEST_CASE("Marks belong to words, and the small digits of Latin-1 do outside of classes") {
  CHECK(hits(R"(\w+)", "e\u0301\u00B2 x") == "[e\u0301\u00B2][x]");
  CHECK(hits(R"([\w]+)", "e\u0301\u00B2 x") == "[e\u0301][x]");
  CHECK(hits(R"(\bx)", "\u0301x x") == "[x]");
}

TEST_CASE("The Mongolian vowel separator is no space") {
  CHECK(hits(R"(\s)", "a\u180Eb\u0085c").size() == 4);
}

TEST_CASE("Property names are found by all their aliases, and scripts mean the script alone") {
  CHECK(hits(R"(\p{Uppercase_Letter}+\p{lowercase letter}*)", "xABc") == "[ABc]");
  CHECK(hits(R"(\p{Han}+)", "\u4E2D\u3001\u6587") == "[\u4E2D][\u6587]");
  CHECK(hits(R"([[:punct:]]+)", "a+,b") == "[+,]");
  CHECK(hits(R"([[:^digit:]]+)", "a1b") == "[a][b]");
  CHECK(hits(R"(\h+)", "xBEEF") == "[BEEF]");
}

TEST_CASE("Option m lets the dot match a newline, and lines begin after every newline") {
  CHECK(hits("(?m:a.b)", "a\nb") == "[a\nb]");
  CHECK(hits("a.b", "a\nb").empty());
  CHECK(hits(R"(^\w)", "ab\ncd") == "[a][c]");
}

TEST_CASE("A wrong pattern is refused with a reason") {
  CHECK_THROWS_WITH(Regex("(a"), Catch::Contains("missing closing parenthesis"));
  CHECK_THROWS_WITH(Regex("[a"), Catch::Contains("missing ]"));
  CHECK_THROWS_WITH(pcre2_pattern(std::string(50, '[')), Catch::Contains("nested too deep"));
}

TEST_CASE("A pattern that would take for ever ends with an error that names it") {
  const std::string text(60, 'a');
  CHECK_THROWS_WITH(Regex("^(a|aa)+\\d").find_all(text + "!"), Catch::Contains("^(a|aa)+\\d"));
}

TEST_CASE("A search in small windows finds what a search in the whole text finds") {
  std::mt19937 random(3);
  const std::string alphabet[] = {"a", "b", " ", "\n", "1", ".", "\u00E9", "\u4F60", "'", "s"};
  for (const char *pattern :
       {R"('s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", R"(\s*[\r\n]+|\s+(?!\S)|\s+|\p{L}+)",
        R"(\b\w+\b)", R"((?<=a)b|b(?!a))", R"(a*)", R"((a|b)*1)", R"(^.*$)", R"(.(?=.*1))", R"((?<!a )b+?)",
        R"(\Ba|a\B)", R"($)", R"((?:a(?=b)|b)+)", R"(\s\K\w)"}) {
    const Regex regex(pattern);
    for (int round = 0; round < 150; ++round) {
      std::string text;
      for (size_t i = random() % 60; i > 0; --i) text += alphabet[random() % 10];
      INFO(pattern << " on '" << text << "'");
      PatternSteps small(1000), large(1000);
      REQUIRE(regex.find_all(text, small, 1 + random() % 6) == regex.find_all(text, large, 1000));
    }
  }
}

TEST_CASE("Patterns that are quadratic on long texts end with an error that names them") {
  const std::string letters(1'000'000, 'a');
  for (const char *pattern :
       {R"(.(?=.*x))", R"([a-z]+[:;])", R"((?:.(?=.*q))+)", R"(a+?x)", R"((?<=a)(?=.*y))",
        R"([a-z]+[a-z]+[a-z]+[:;])", R"((?:a(?=(?:a(?=.*q))*z))+)", R"((.+)\1x)"}) {
    INFO(pattern);
    const std::clock_t begin = std::clock();
    CHECK_THROWS_WITH(Regex(pattern).find_all(letters),
                      Catch::Contains(pattern) && Catch::Contains("too many steps"));
    CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 10);
  }
}

TEST_CASE("A long run that a pattern must look through costs few steps") {
  const std::string letters(1'000'000, 'a');
  CHECK(Regex(R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s*[\r\n]+|\s+(?!\S)|\s+)").find_all(letters).size() ==
        1);
  CHECK(Regex(R"(\s*[\r\n]+|\s+(?!\S)|\s+)").find_all(std::string(1'000'000, ' ')).size() == 1);
}

TEST_CASE("A million spaces are matched without exhausting a stack") {
  const std::string text(1'000'000, ' ');
  CHECK(Regex(R"(\s+(?!\S)|\s+)").find_all(text).size() == 1);
  CHECK(Regex(R"((?:\s|x)+)").find_all(text).size() == 1);
}
