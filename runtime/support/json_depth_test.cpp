#include "runtime/support/json_depth.hpp"

#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

namespace {

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("Lists and objects may be nested 128 deep, and no deeper") {
  using kvern::check_json_depth;
  CHECK_NOTHROW(check_json_depth(nested(128), "t.json"));
  const auto refusal = [](const std::string &text) {
    return kvern::test::error_text(kvern::ErrorKind::model, [&] { check_json_depth(text, "t.json"); });
  };
  CHECK(refusal("\n\n" + nested(129)) ==
        "t.json: line 3 is nested too deep: at most 128 lists and objects in each other are allowed");
  std::string objects;
  for (int i = 0; i < 129; ++i) objects += "{\"a\":";
  CHECK_THAT(refusal(objects), Catch::Contains("is nested too deep"));
}

TEST_CASE("Brackets inside strings, and siblings, are no nesting") {
  using kvern::check_json_depth;
  CHECK_NOTHROW(
      check_json_depth("[\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\"]", "t"));
  std::string siblings = "[";
  for (int i = 0; i < 1000; ++i) siblings += "[{}],";
  CHECK_NOTHROW(check_json_depth(siblings + "0]", "t"));
  CHECK_NOTHROW(check_json_depth("\"open\\", "t"));
}
