#include "runtime/support/token_ids.hpp"

#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using kvern::parse_token_ids;

TEST_CASE("Token ids are integers separated by commas, with spaces around them") {
  CHECK(parse_token_ids("7", "--input-ids") == std::vector<int64_t>{7});
  CHECK(parse_token_ids(" 1,2 , 3 ", "--input-ids") == std::vector<int64_t>{1, 2, 3});
  CHECK(parse_token_ids("-1", "--input-ids") ==
        std::vector<int64_t>{-1});  // refused later, by the vocabulary
}

TEST_CASE("What is no list of token ids is refused with the rest that cannot be read") {
  const auto refused = [](const std::string &text) {
    return kvern::test::error_text(kvern::ErrorKind::input, [&] { parse_token_ids(text, "--input-ids"); });
  };
  const std::string form = "; ids are numbers separated by commas, as in 1,2,3";
  CHECK(refused("") == "--input-ids: '' does not begin with an id" + form);
  CHECK(refused("1,") == "--input-ids: '' does not begin with an id" + form);
  CHECK(refused("1,x") == "--input-ids: 'x' does not begin with an id" + form);
  CHECK(refused("1 2") == "--input-ids: '2' should begin with a comma" + form);
  CHECK(refused("9223372036854775808") ==
        "--input-ids: '9223372036854775808' begins with a number of more than 64 bits");
}
