#include "runtime/config/option_text.hpp"

#include <cmath>

#include "runtime/config/json.hpp"
#include "runtime/config/toml.hpp"
#include "tests/support/test.hpp"

using namespace kvern::config;
using kvern::Option;
using kvern::OptionArray;
using kvern::OptionTable;

namespace {

OptionTable awkward() {
  const OptionTable inner{{"deep", {OptionTable{{"x", {int64_t{1}, ""}}}, ""}},
                          {"none", {OptionTable{}, ""}}};
  return {{"flag", {true, ""}},
          {"low", {INT64_MIN, ""}},
          {"high", {INT64_MAX, ""}},
          {"whole", {2.0, ""}},
          {"tiny", {1e-300, ""}},
          {"third", {1.0 / 3, ""}},
          {"huge", {1e22, ""}},
          {"infinite", {-INFINITY, ""}},
          {"no number", {std::nan(""), ""}},
          {"text", {std::string("a\"b\\c\n\t\x1b\x7f\xc2\x9b \xc3\xa9 \xf0\x9f\x98\x80"), ""}},
          {"", {std::string(), ""}},
          {"a.b", {inner, ""}},
          {"list", {OptionArray{{int64_t{1}, ""}, {2.0, ""}, {inner, ""}, {OptionArray{}, ""}}, ""}}};
}

}  // namespace

TEST_CASE("What is written as TOML or JSON reads back as the same tree") {
  const OptionTable tree = awkward();
  CHECK(same_options(parse_toml(to_toml(tree), "f"), tree));
  CHECK(same_options(parse_json(to_json(tree), "f"), tree));
  CHECK(to_json(parse_toml(to_toml(parse_json(to_json(tree), "f")), "f")) ==
        to_json(parse_toml(to_toml(tree), "f")));
}

TEST_CASE("Written options have no control characters but line breaks") {
  for (const auto &text : {to_toml(awkward()), to_json(awkward())})
    for (const char c : text) CHECK((c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F)));
}

TEST_CASE("TOML has values before tables, JSON two blanks a level") {
  const OptionTable tree{{"sub", {OptionTable{{"n", {int64_t{4}, ""}}}, ""}}, {"a", {std::string("x"), ""}}};
  CHECK(to_toml(tree) == "a = \"x\"\n\n[sub]\nn = 4\n");
  CHECK(to_json(tree) == "{\n  \"sub\": {\n    \"n\": 4\n  },\n  \"a\": \"x\"\n}\n");
  CHECK(to_json({}) == "{}\n");
}

TEST_CASE("Trees differ by a key, a type or a value, not by order or place") {
  const OptionTable one{{"a", {int64_t{1}, "f:1"}}, {"b", {true, "f:2"}}};
  CHECK(same_options(one, {{"b", {true, ""}}, {"a", {int64_t{1}, ""}}}));
  CHECK_FALSE(same_options(one, {{"a", {int64_t{1}, ""}}}));
  CHECK_FALSE(same_options(one, {{"a", {1.0, ""}}, {"b", {true, ""}}}));
  CHECK_FALSE(same_options(one, {{"a", {int64_t{2}, ""}}, {"b", {true, ""}}}));
}
