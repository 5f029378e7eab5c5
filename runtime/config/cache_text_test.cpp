#include "runtime/config/cache_text.hpp"

#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using kvern::config::parse_cache_text;

TEST_CASE("A cache is a name, or a name with a table of options") {
  CHECK(parse_cache_text("static", "--cache").name == "static");
  CHECK(parse_cache_text("static", "--cache").options.empty());
  const auto cache = parse_cache_text("static {max_cache_len = 4}", "--cache");
  CHECK(cache.name == "static");
  REQUIRE(cache.options.size() == 1);
  CHECK(cache.options[0].first == "max_cache_len");
  CHECK(std::get<int64_t>(cache.options[0].second.value) == 4);
}

TEST_CASE("A cache without a name, or with braces that are no table, is refused with the form") {
  const auto refused = [](const std::string &text) {
    return kvern::test::error_text(kvern::ErrorKind::config,
                                   [&] { parse_cache_text(text, "--cache " + text); });
  };
  const std::string form = ": expected NAME, NAME{option = value, ...} or a TOML or JSON file";
  CHECK(refused("") == "--cache " + form);
  CHECK(refused("{a = 1}") == "--cache {a = 1}" + form);
  CHECK(refused("  {}") == "--cache   {}" + form);
  CHECK_THAT(refused("x{a = }"), Catch::StartsWith("--cache x{a = }: "));
  CHECK_THAT(refused("x{" + std::string(100, '{')), Catch::StartsWith("--cache x{"));
}
