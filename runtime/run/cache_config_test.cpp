#include "runtime/run/cache_config.hpp"

#include <fstream>

#include "runtime/config/option_text.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using config::same_options;

namespace {

/// The built-in plugins, which are found as programs of bin/ find them.
std::vector<FoundPlugin> built_in() {
  auto found = list_plugins({std::string(std::getenv("KVERN_BUILD_DIR")) + "/lib/kvern/plugins"});
  REQUIRE(found.size() >= 4);
  return found;
}

const kvern_plugin &plugin(const std::string &name) {
  for (const auto &found : built_in())
    if (found.name == name) return *found.plugin;
  FAIL("no plugin " << name);
  throw std::logic_error(name);
}

/// Another value of the same type.
Option changed(const Option &option) {
  if (const auto *flag = std::get_if<bool>(&option.value)) return {!*flag, ""};
  if (const auto *integer = std::get_if<int64_t>(&option.value)) return {*integer + 1, ""};
  if (const auto *number = std::get_if<double>(&option.value)) return {*number / 3 + 1, ""};
  if (const auto *text = std::get_if<std::string>(&option.value)) return {*text + "\"\n\\\xc3\xa9", ""};
  if (std::holds_alternative<OptionTable>(option.value)) return {OptionTable{{"a.b", {int64_t{1}, ""}}}, ""};
  return {OptionArray{{int64_t{1}, ""}, {OptionTable{{"x", {true, ""}}}, ""}}, ""};
}

std::string refusal(const CacheConfig &config) {
  return test::error_text(ErrorKind::config, [&] { config.validate(); });
}

}  // namespace

TEST_CASE("The options of every built-in cache are equal after TOML, JSON and back") {
  for (const auto &found : built_in()) {
    INFO(found.name);
    REQUIRE(found.plugin != nullptr);
    const auto &p = *found.plugin;
    OptionTable options = CacheConfig(p).to_dict();
    for (int round = 0; round < 2; ++round) {
      const auto config = CacheConfig::from_dict(p, options);
      const auto from_json = CacheConfig::from_text(p, config.to_json_string(), "f.json");
      const auto from_toml = CacheConfig::from_text(p, from_json.to_toml_string(), "f.toml");
      CHECK(same_options(from_toml.to_dict(), options));
      CHECK(from_toml.to_json_string() == config.to_json_string());
      CHECK(
          same_options(CacheConfig::from_text(p, config.to_json_string(true), "f.json").to_dict(), options));
      CHECK(config.to_diff_dict().size() == (round == 0 ? 0 : options.size()));
      config.validate();
      for (auto &[key, option] : options) option = changed(option);
    }
  }
}

TEST_CASE("Keys that a cache does not use are all listed, and all named by validate") {
  const auto config = CacheConfig::from_text(
      plugin("static"), "{\"max_cache_le\": 4,\n\"max_cache_len\": 5,\n\"zzz\": 1}", "c.json");
  CHECK(config.unused_keys() == std::vector<std::string>{"max_cache_le", "zzz"});
  CHECK(refusal(config) ==
        "c.json:1: cache 'static' has no options 'max_cache_le' (did you mean 'max_cache_len'?), 'zzz' "
        "(c.json:3); it has "
        "max_cache_len");
  const auto one = CacheConfig::from_text(plugin("static"), "max_cache_le = 4", "c.toml");
  CHECK_THAT(refusal(one),
             Catch::StartsWith("c.toml:1: cache 'static' has no option 'max_cache_le'; did you mean "
                               "'max_cache_len'?"));
}

TEST_CASE("A plugin gets the options as given, without those that equal the default") {
  const auto &p = plugin("quantized");
  CHECK(CacheConfig::from_dict(p, CacheConfig(p).to_dict()).without_defaults().empty());
  const auto given = CacheConfig::from_text(p, "nbits = 2\nunknown = 1", "c.toml").without_defaults();
  REQUIRE(given.size() == 2);
  CHECK(given[0].second.place == "c.toml:1");
}

TEST_CASE("A value of a wrong type is named by its place") {
  const auto config = CacheConfig::from_text(plugin("static"), "\nmax_cache_len = 'x'", "c.toml");
  CHECK(refusal(config) ==
        "c.toml:2: option 'max_cache_len' of cache 'static' must be an integer, not the string \"x\"");
}

TEST_CASE("Options are read from a file of JSON or TOML and written to one of JSON") {
  const test::TemporaryFolder folder;
  const auto &p = plugin("quantized");
  std::ofstream(folder / "c.json") << "{\"nbits\": 2}";
  const auto config = CacheConfig::from_file(p, folder / "c.json");
  CHECK(config.to_diff_dict().size() == 1);
  CHECK(config.to_json_string(true) == "{\n  \"nbits\": 2\n}\n");
  config.to_json_file(folder / "d.json", true);
  CHECK(same_options(CacheConfig::from_file(p, folder / "d.json").to_dict(), config.to_dict()));
  CHECK_THAT(test::error_text(ErrorKind::output, [&] { config.to_json_file(folder / "no" / "d.json"); }),
             Catch::Contains("cannot be written"));
  CHECK_THROWS_AS(CacheConfig::from_file(p, folder / "none.json"), Error);
}
