#include "tests/support/test.hpp"

#include <kvern/error.hpp>

using kvern::did_you_mean;
using kvern::nearest_name;

TEST_CASE("A misspelt name is answered with the name that was meant") {
  CHECK(nearest_name("dinamic", {"static", "dynamic", "none"}) == "dynamic");
  CHECK(did_you_mean("max_new_token", {"max_new_tokens", "seed"}) == "; did you mean 'max_new_tokens'?");
}

TEST_CASE("A name that resembles nothing is answered with nothing") {
  CHECK(nearest_name("zebra", {"static", "dynamic"}).empty());
  CHECK(did_you_mean("zebra", {}).empty());
}
