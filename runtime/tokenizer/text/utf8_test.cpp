#include "runtime/tokenizer/text/utf8.hpp"

#include "tests/support/test.hpp"

using namespace kvern::tokenizer;

TEST_CASE("Every character survives being written and read") {
  for (char32_t c = 0; c < 0x110000; c += 37) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_char(text, c);
    size_t position = 0, end = text.size();
    REQUIRE(next_char(text, position) == c);
    REQUIRE(position == text.size());
    REQUIRE(previous_char(text, end) == c);
    REQUIRE(!first_invalid_byte(text));
  }
}

TEST_CASE("The first byte that is not UTF-8 is found") {
  CHECK(first_invalid_byte("ab\xFF") == 2);
  CHECK(first_invalid_byte("a\xC0\x80") == 1);         // an overlong zero
  CHECK(first_invalid_byte("\xED\xA0\x80") == 0);      // a surrogate
  CHECK(first_invalid_byte("\xF4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(first_invalid_byte("x\xE4\xBD") == 1);         // cut off
  CHECK(!first_invalid_byte("\u4F60"));
}

TEST_CASE("Each longest broken sequence becomes one replacement character") {
  CHECK(repair_utf8("a\xE4\xBD z") == "a\uFFFD z");
  CHECK(repair_utf8("\xE4\xBD") == "\uFFFD");
  CHECK(repair_utf8("\xF0\x9F\x98\x41") == "\uFFFD\x41");
  CHECK(repair_utf8("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");
  CHECK(repair_utf8("\xC3\xA9") == "\u00E9");
}

TEST_CASE("An empty text to replace stands between all characters") {
  CHECK(replace_all("\u00E9b", "", "-") == "-\u00E9-b-");
  CHECK(replace_all("aaa", "aa", "b") == "ba");
}

TEST_CASE("What a text adds to another begins where an incomplete character is completed") {
  CHECK(added_text("ab", "ab c") == " c");
  CHECK(added_text("ab", "ab") == "");
  CHECK(added_text("a\uFFFD", "a\u00E9!") == "\u00E9!");
  CHECK(added_text("a\uFFFD\uFFFD", "a\uFFFD\uFFFDx") == "x");
  CHECK(added_text("a\uFFFD\uFFFD", "a\u4F60") == "\u4F60");
  CHECK(!added_text("ab", "ac"));
}
