#include "runtime/cli/errors.hpp"

#include <iostream>

#include "tests/support/test.hpp"

using kvern::cli::error_line;

TEST_CASE("An error is one line without control characters, of at most 1,000 bytes") {
  CHECK(error_line("no file 'a\x1b]0;x\x07\nkvern: done'") ==
        "kvern: no file 'a\\x1b]0;x\\x07\\x0akvern: done'\n");
  CHECK(error_line("\xc2\x9b") == "kvern: \\xc2\\x9b\n");
  const auto cut = error_line(std::string(100000, '\x1b'));
  CHECK(cut.size() <= 1001);
  CHECK_THAT(cut, Catch::EndsWith("...\n"));
  CHECK(error_line(std::string(993, 'x')) == "kvern: " + std::string(993, 'x') + "\n");
}
