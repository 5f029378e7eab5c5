#include "runtime/run/check_cache.hpp"

#include "runtime/config/toml.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

PluginPath path() {
  return {test::program("../lib/kvern/plugins"), test::program("../lib/kvern/test_plugins/proof")};
}

std::string refusal(ErrorKind kind, const std::string &cache, const std::string &options) {
  return test::error_text(kind, [&] { check_cache(cache, config::parse_toml(options, "run.toml"), path()); });
}

}  // namespace

TEST_CASE("An option that an inner cache does not have is refused with its line and the nearest name") {
  CHECK_THAT(
      refusal(ErrorKind::config, "hybrid", "attention = \"quantized\"\nattention_config = { nbit = 4 }\n"),
      Catch::Contains("run.toml:2") && Catch::Contains("'quantized'") && Catch::Contains("'nbits'"));
  CHECK_THAT(refusal(ErrorKind::config, "hybrid", "attention_config = { nbits = 4 }\n"),
             Catch::Contains("run.toml:1") && Catch::Contains("'dynamic'"));
  CHECK_THAT(
      refusal(ErrorKind::config, "tiny_offload",
              "inner = \"hybrid\"\n[inner_config]\nwindow = \"static\"\nwindow_config = { max = 4 }\n"),
      Catch::Contains("run.toml:4") && Catch::Contains("'static'"));
}

TEST_CASE("So is one of an entry of cache_layers, and a cache that is not there") {
  CHECK_THAT(refusal(ErrorKind::config, "hybrid",
                     "[[cache_layers]]\nindex = 0\ncache_implementation = \"static\"\n"
                     "cache_config = { max_cache_length = 4 }\n"),
             Catch::Contains("run.toml:4") && Catch::Contains("max_cache_len"));
  CHECK_THAT(refusal(ErrorKind::plugin, "hybrid",
                     "[[cache_layers]]\nindex = 0\ncache_implementation = \"statik\"\n"),
             Catch::Contains("run.toml:3") && Catch::Contains("'static'"));
  CHECK_THAT(refusal(ErrorKind::plugin, "hybrid", "attention = \"dynamc\"\n"),
             Catch::Contains("run.toml:1") && Catch::Contains("'dynamic'"));
}

TEST_CASE("Inner caches that are there, with options that they have, are accepted") {
  CHECK_NOTHROW(
      check_cache("hybrid",
                  config::parse_toml("attention = \"quantized\"\nattention_config = { nbits = 4 }\n"
                                     "[[cache_layers]]\nkind = \"window\"\ncache_implementation = \"none\"\n",
                                     "run.toml"),
                  path()));
}
