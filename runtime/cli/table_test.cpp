#include "runtime/cli/table.hpp"

#include "tests/support/test.hpp"

using kvern::cli::table;

TEST_CASE("Columns of a table are as wide as their widest cell, numbers to the right") {
  CHECK(table({{"name", "n"}, {"a", "1"}, {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "10"}}) ==
        "name    n\na       1\n\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9  10\n");
}

TEST_CASE("Control characters of a cell are escaped, a line break too, and a long cell is cut") {
  CHECK(table({{"x"}, {"\x1b[31mred\n"}}) == "x\n\\x1b[31mred\\x0a\n");
  CHECK(table({{"x"}, {std::string(5000, 'y')}}).size() < 1100);
}
