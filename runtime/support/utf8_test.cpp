#include "runtime/support/utf8.hpp"

#include <string>

#include "tests/support/test.hpp"

using kvern::first_utf8;
using kvern::invalid_utf8;

TEST_CASE("Sequences of every length are decoded") {
  CHECK(first_utf8("a").code == 0x61);
  CHECK(first_utf8("\xC3\xA9").code == 0xE9);
  CHECK(first_utf8("\xE4\xBD\xA0").code == 0x4F60);
  CHECK(first_utf8("\xF0\x9F\x98\x80").code == 0x1F600);
  CHECK(first_utf8("\xF4\x8F\xBF\xBF").code == 0x10FFFF);
  CHECK(first_utf8("\xC3\xA9z").length == 2);
}

TEST_CASE("The first byte that is wrong is found") {
  CHECK_FALSE(invalid_utf8("").has_value());
  CHECK_FALSE(invalid_utf8("a\xC3\xA9\xF0\x9F\x98\x80").has_value());
  CHECK(invalid_utf8("ab\xff") == 2);
  CHECK(invalid_utf8("\xC3\xA9\x80") == 2);
}

TEST_CASE("Overlong, surrogate, cut and too large sequences are wrong") {
  for (const char *text : {"\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xE4\xBD",
                           "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xC3("}) {
    CHECK(invalid_utf8(text) == 0);
  }
}
