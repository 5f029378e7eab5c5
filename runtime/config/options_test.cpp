#include "runtime/config/options.hpp"

#include "runtime/config/toml.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using kvern::Option;
using kvern::OptionArray;
using kvern::OptionTable;
using kvern::config::check_options;
using kvern::config::parse_toml;
using kvern::config::parse_toml_value;

namespace {

const OptionTable kAccepted = {{"nbits", {int64_t{4}, ""}},
                               {"axis", {int64_t{0}, ""}},
                               {"scale", {1.0, ""}},
                               {"rotation", {false, ""}},
                               {"inner", {std::string("dynamic"), ""}},
                               {"inner_config", {OptionTable{}, ""}},
                               {"sizes", {OptionArray{}, ""}},
                               {"limits", {OptionTable{{"low", {int64_t{1}, ""}}}, ""}}};

std::string refusal(const std::string &toml) {
  return kvern::test::error_text(kvern::ErrorKind::config, [&] {
    check_options(parse_toml(toml, "run.toml"), kAccepted, "cache_config");
  });
}

}  // namespace

TEST_CASE("Options of the right names and types are accepted") {
  CHECK(refusal("nbits = 2\nscale = 0.5\nrotation = true\ninner = 'static'\n") == "(no error)");
  CHECK(refusal("sizes = [1, 'x']\ninner_config = { anything = { at = 'all' } }\nlimits = { low = 2 }\n") ==
        "(no error)");
}

TEST_CASE("An integer may stand for a number, nothing else for something else") {
  CHECK(refusal("scale = 2") == "(no error)");
  CHECK(refusal("nbits = 4.0") == "run.toml:1: cache_config.nbits: expected an integer, found the number 4");
  CHECK(refusal("\nnbits = '4'") ==
        "run.toml:2: cache_config.nbits: expected an integer, found the string '4'");
  CHECK(refusal("nbits = true") ==
        "run.toml:1: cache_config.nbits: expected an integer, found the boolean true");
  CHECK(refusal("rotation = 1") ==
        "run.toml:1: cache_config.rotation: expected true or false, found the integer 1");
  CHECK(refusal("inner = []") == "run.toml:1: cache_config.inner: expected a string, found a list");
  CHECK(refusal("scale = {}") == "run.toml:1: cache_config.scale: expected a number, found a table");
  CHECK(refusal("inner_config = 1") ==
        "run.toml:1: cache_config.inner_config: expected a table, found the integer 1");
  CHECK(refusal("sizes = 1") == "run.toml:1: cache_config.sizes: expected a list, found the integer 1");
}

TEST_CASE("An unknown option is answered with the nearest name, or with all") {
  CHECK(refusal("nbit = 4") == "run.toml:1: cache_config.nbit: unknown option 'nbit'; did you mean 'nbits'?");
  CHECK(refusal("zzzzzzzz = 4") ==
        "run.toml:1: cache_config.zzzzzzzz: unknown option 'zzzzzzzz'; known are axis, inner, inner_config, "
        "limits, "
        "nbits, rotation, scale, sizes");
  CHECK(refusal("limits = { lo = 1 }") ==
        "run.toml:1: cache_config.limits.lo: unknown option 'lo'; did you mean 'low'?");
}

TEST_CASE("A cache without options says so") {
  const OptionTable given = parse_toml("nbits = 4", "run.toml");
  CHECK(kvern::test::error_text(kvern::ErrorKind::config, [&] {
          check_options(given, {}, "cache_config");
        }) == "run.toml:1: cache_config.nbits: unknown option 'nbits'; there are none here");
}

TEST_CASE("A place that names the key is not followed by it again") {
  const OptionTable given = {{"nbit", parse_toml_value("4", "--set cache_config.nbit=4")}};
  CHECK(kvern::test::error_text(kvern::ErrorKind::config, [&] {
          check_options(given, kAccepted, "cache_config");
        }) == "--set cache_config.nbit=4: unknown option 'nbit'; did you mean 'nbits'?");
}
