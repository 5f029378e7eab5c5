#include "runtime/tokenizer/load/large_json.hpp"

#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern::tokenizer;

namespace {

std::string found(const std::string &text) {
  const TextRange range = find_merges(text);
  return text.substr(range.begin, range.size());
}

}  // namespace

TEST_CASE("The merges of a tokenizer.json are found where they are, and only there") {
  CHECK(found(R"({"model": {"vocab": {"merges": 1}, "merges" : ["a b", ["]", "\"["]], "x": []}})") ==
        R"(["a b", ["]", "\"["]])");
  CHECK(found(R"({"merges": ["a b"], "model": {"vocab": {"a": 1}}})").empty());
  CHECK(found(R"({"other": {"merges": ["a b"]}, "model": {"merges": "a b"}})").empty());
  CHECK(found(R"({"model": {"merges": ["a b"], "merges": ["c d"]}})").empty());
  CHECK(found(R"({"model": {"merges": ["a)") == R"(["a)");
  CHECK(found("").empty());
}

TEST_CASE("A tokenizer.json that is parsed in parts is the same, and so are the messages of a broken one") {
  for (const char *text :
       {R"({"version": "1.0", "model": {"merges": ["a b", "\u00e9 \"x"], "vocab": {"a": 0}}, "z": 1})",
        R"({"model": {"vocab": {}, "merges": [["a", "b"]]}})", R"({"model": {"merges": []}})",
        R"({"model": {"vocab": {}}})", R"([1, 2])"}) {
    CHECK(parse_tokenizer_json(text, "t.json", 0) == nlohmann::json::parse(text));
  }
  for (const char *text : {R"({"model": {"merges": ["a b",]}})", R"({"model": {"merges": ["a b"})",
                           R"({"model": {"merges": [1e999]}})", R"({"model": {"merges": ["a b"]}} x)"}) {
    const auto message = [&](size_t least) {
      return kvern::test::error_text(kvern::ErrorKind::model,
                                     [&] { parse_tokenizer_json(text, "t.json", least); });
    };
    CHECK(message(0) == message(1 << 18));
    CHECK_THAT(message(0), Catch::Contains("t.json"));
  }
}
