#include "runtime/config/byte_size.hpp"

#include "tests/support/test.hpp"

using kvern::config::parse_byte_size;

TEST_CASE("Amounts of memory are read in decimal and binary units") {
  CHECK(parse_byte_size("4096") == 4096);
  CHECK(parse_byte_size("2GB") == 2'000'000'000);
  CHECK(parse_byte_size("1.5 kB") == 1500);
  CHECK(parse_byte_size("512MiB") == 512 << 20);
  CHECK(parse_byte_size("1 GiB") == 1 << 30);
  CHECK(parse_byte_size("3tb") == 3'000'000'000'000);
}

TEST_CASE("What is no amount of memory is none") {
  for (const char *text :
       {"", "GB", "-1GB", "0", "2XB", "2G B", "1e3", "nan", "inf", "99999999TB", "2GBx", "0.5"}) {
    INFO(text);
    CHECK_FALSE(parse_byte_size(text).has_value());
  }
}
