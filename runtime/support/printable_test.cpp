#include "runtime/support/printable.hpp"

#include "tests/support/test.hpp"

using kvern::in_quotes;
using kvern::printable;

TEST_CASE("Text that a terminal can show stays as it is") {
  CHECK(printable("model.layers.0 \xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x98\x80") ==
        "model.layers.0 \xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x98\x80");
  CHECK(in_quotes("a") == "'a'");
}

TEST_CASE("Control characters are shown by their bytes") {
  CHECK(printable("a\x1b[31m\n") == "a\\x1b[31m\\x0a");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(printable("\xC2\x9B") == "\\xc2\\x9b");
}

TEST_CASE("Bytes that are no UTF-8 are shown by their value") {
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable("\xC0\xAF") == "\\xc0\\xaf");
  CHECK(printable("\xED\xA0\x80") == "\\xed\\xa0\\x80");
  CHECK(printable("\xE4\xBD") == "\\xe4\\xbd");
  CHECK(printable("\xF4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
}

TEST_CASE("A long text is cut and says so") {
  CHECK(printable(std::string(500, 'x'), 10) == "xxxxxxxxxx...");
}
