#include "runtime/config/cache_layers.hpp"

#include <kvern/generation.hpp>

#include "runtime/config/option_text.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using config::RunConfig;

namespace {

RunConfig parsed(const std::string &text) {
  return config::parse_run_config(text, "run.toml", "", {}, generation_options());
}

std::string refusal(const std::string &text) {
  return test::error_text(ErrorKind::config, [&] { parsed(text); });
}

const char *const kEntry = "[[cache_layers]]\nkind = \"window\"\ncache_implementation = \"sliding_window\"\n";

}  // namespace

TEST_CASE("cache_layers makes the cache a hybrid, with the configured cache for the other layers") {
  const auto run =
      parsed(std::string("cache_implementation = \"quantized\"\n[cache_config]\nnbits = 2\n") + kEntry);
  CHECK(run.cache_implementation == "hybrid");
  CHECK(run.names_cache);
  CHECK(config::to_toml(run.cache_config) ==
        "attention = \"quantized\"\nwindow = \"quantized\"\n"
        "cache_layers = [{ kind = \"window\", cache_implementation = \"sliding_window\" }]\n\n"
        "[attention_config]\nnbits = 2\n\n[window_config]\nnbits = 2\n");
}

TEST_CASE("cache_layers beside no cache leaves the other layers to the default") {
  const auto run = parsed(kEntry);
  REQUIRE(config::find_option(run.cache_config, "attention") != nullptr);
  CHECK(std::get<std::string>(config::find_option(run.cache_config, "attention")->value) == "dynamic");
}

TEST_CASE("cache_layers beside a hybrid becomes one of its options") {
  const auto run = parsed(
      std::string("cache_implementation = \"hybrid\"\n[cache_config]\nattention = \"static\"\n") + kEntry);
  CHECK(config::to_toml(run.cache_config) ==
        "attention = \"static\"\n"
        "cache_layers = [{ kind = \"window\", cache_implementation = \"sliding_window\" }]\n");
  CHECK_THAT(
      refusal(std::string("cache_implementation = \"hybrid\"\n[cache_config]\ncache_layers = []\n") + kEntry),
      Catch::Contains("run.toml:3") && Catch::Contains("already"));
}

TEST_CASE("The written configuration of a hybrid is read as the same") {
  const auto run = parsed(std::string("[cache_config]\n") + kEntry);
  OptionTable table{{"cache_implementation", Option{run.cache_implementation, ""}},
                    {"cache_config", Option{run.cache_config, ""}}};
  const auto again = parsed(config::to_toml(table));
  CHECK(config::same_options(run.cache_config, again.cache_config));
}

TEST_CASE("An entry of cache_layers that is not understood is refused with its line and the nearest key") {
  CHECK_THAT(refusal("[[cache_layers]]\nkind = \"window\"\ncache_implementaton = \"static\"\n"),
             Catch::Contains("run.toml:1") && Catch::Contains("has no cache_implementation"));
  CHECK_THAT(refusal(std::string(kEntry) + "ragne = \"0-1\"\n"),
             Catch::Contains("run.toml:4") && Catch::Contains("ragne") && Catch::Contains("'range'"));
  CHECK_THAT(refusal("[[cache_layers]]\nindex = 1\ncache_implementation = 3\n"),
             Catch::Contains("run.toml:3") && Catch::Contains("name of a cache"));
  CHECK_THAT(refusal("cache_layers = 3\n"), Catch::Contains("[[cache_layers]]"));
  CHECK_THAT(refusal("cache_layers = [3]\n"), Catch::Contains("[[cache_layers]]"));
  CHECK_THAT(refusal(std::string(kEntry) + "cache_config = 3\n"), Catch::Contains("a table"));
}
