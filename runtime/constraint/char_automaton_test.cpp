#include "runtime/constraint/char_automaton.hpp"

#include <random>

#include "runtime/constraint/regex.hpp"
#include "runtime/constraint/utf8_ranges.hpp"
#include "runtime/tokenizer/text/utf8.hpp"
#include "tests/support/test.hpp"

using namespace kvern::constraint;

namespace {

CharAutomaton automaton(const char *pattern) { return regex_automaton(pattern, RegexMatch::whole, "p"); }

std::string random_text(std::mt19937 &random) {
  std::string text;
  for (size_t n = random() % 6; n > 0; --n) text += "abc\n"[random() % 4];
  return text;
}

bool in_ranges(const std::vector<std::vector<ByteRange>> &sequences, const std::string &bytes) {
  int matches = 0;
  for (const auto &sequence : sequences) {
    bool all = sequence.size() == bytes.size();
    for (size_t i = 0; all && i < bytes.size(); ++i) {
      const auto byte = static_cast<uint8_t>(bytes[i]);
      all = byte >= sequence[i].first && byte <= sequence[i].last;
    }
    matches += all;
  }
  return matches == 1;
}

}  // namespace

TEST_CASE("Intersections and complements accept what their definition says") {
  const char *const patterns[] = {"a*b", "[ab]*", "(a|bc)+", ".{2,4}", "", "[^a]*c?"};
  std::mt19937 random(2);
  for (const char *p : patterns)
    for (const char *q : patterns) {
      const auto a = automaton(p), b = automaton(q), both = intersection(a, b, "p"),
                 not_a = complement(a, "p");
      for (int i = 0; i < 60; ++i) {
        const std::string text = random_text(random);
        CHECK(both.matches(text) == (a.matches(text) && b.matches(text)));
        CHECK(not_a.matches(text) == !a.matches(text));
      }
    }
}

TEST_CASE("A language and its complement have nothing in common, which is seen") {
  CHECK(intersection(automaton("a+b"), complement(automaton("a+b"), "p"), "p").empty());
  CHECK(intersection(automaton("a+"), automaton("b+"), "p").empty());
  CHECK(complement(complement(automaton("x?y"), "p"), "p").matches("xy"));
}

TEST_CASE("Lengths are those of characters, and names are those that are listed") {
  const auto two_to_three = of_length(CharSet::any(), 2, 3, "p");
  CHECK(two_to_three.matches("\xC3\xA4\xE4\xB8\xAD"));
  CHECK_FALSE(two_to_three.matches("a"));
  CHECK_FALSE(two_to_three.matches("abcd"));
  CHECK(of_length(CharSet::any(), 1, {}, "p").matches("abcdefgh"));
  CHECK(of_length(CharSet::any(), 3, 2, "p").empty());
  const auto names = one_of_texts({"one", "on", "two"});
  CHECK(names.matches("on"));
  CHECK(names.matches("two"));
  CHECK_FALSE(names.matches("o"));
}

TEST_CASE("Ranges of bytes hold the characters of a range once, and no others") {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    const char32_t limit = i % 2 == 0 ? 0x10FFFF : 0x900;
    char32_t a = random() % (limit + 1), b = random() % (limit + 1);
    if (a > b) std::swap(a, b);
    const CharSet set = CharSet::of(a, b);
    for (const auto &[first, last] : set.ranges()) {
      const auto sequences = utf8_ranges(first, last);
      for (const char32_t c :
           {first, last, char32_t(first + (last - first) / 2), char32_t(first - 1), char32_t(last + 1)}) {
        if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) continue;
        std::string bytes;
        kvern::tokenizer::append_char(bytes, c);
        CHECK(in_ranges(sequences, bytes) == (c >= first && c <= last));
      }
    }
  }
}
