#include "runtime/tokenizer/added_tokens.hpp"

#include <string>

#include "runtime/tokenizer/models/model.hpp"
#include "tests/support/test.hpp"

using namespace kvern::tokenizer;
using nlohmann::json;

namespace {

// The text in pieces: [content of a token] or (stretch).
std::string cut(const std::string &added, const std::string &text, const std::string &normalizer = "") {
  const json model_json = json::parse(R"({"type":"WordLevel","vocab":{"?":0},"unk_token":"?"})");
  const json added_json = json::parse(added);
  const json normalizer_json = normalizer.empty() ? json() : json::parse(normalizer);
  const auto model = make_model(JsonNode(model_json, "test"));
  const auto normalize = normalizer.empty() ? nullptr : make_normalizer(JsonNode(normalizer_json, "test"));
  std::string out;
  const AddedTokens tokens(JsonNode(added_json, "test"), *model, normalize.get());
  for (const Piece &piece : tokens.extract(text))
    out += piece.is_token() ? "[" + *tokens.token_of(piece.id) + "]" : "(" + piece.text + ")";
  return out;
}

}  // namespace

TEST_CASE("Of the tokens that begin at a place the longest is found, and the leftmost place first") {
  CHECK(cut(R"([{"content":"ab"},{"content":"abc"},{"content":"cd"}])", "xabcd") == "(x)[abc](d)");
}

TEST_CASE("Tokens take the spaces beside them if their flags say so") {
  CHECK(cut(R"([{"content":"<l>","lstrip":true,"special":true}])", "a \n<l> b") == "(a)[<l>]( b)");
  CHECK(cut(R"([{"content":"<r>","rstrip":true,"special":true}])", "a <r>\u3000 b") == "(a )[<r>](b)");
}

TEST_CASE("A single word is found only where no word goes on") {
  const std::string word = R"([{"content":"cat","single_word":true}])";
  CHECK(cut(word, "cat cats concat cat.") == "[cat]( cats concat )[cat](.)");
  CHECK(cut(word, "cat\u0301 \u00e9cat") == "(cat\u0301 \u00e9cat)");
}

TEST_CASE("A normalized token is sought in the normalized text, another one in the text as it is") {
  const std::string both = R"([{"content":"YES","normalized":true},{"content":"No","normalized":false}])";
  CHECK(cut(both, "yes YES no No", R"({"type":"Lowercase"})") == "[YES]( )[YES]( no )[No]");
}

TEST_CASE("Spaces that one token took can be found again, as in the library") {
  CHECK(cut(R"([{"content":" ","rstrip":true,"normalized":false}])", "  a") == "[ ][ ](a)");
}

TEST_CASE("A token of which the normalizer leaves nothing cuts between all characters, as in the library") {
  CHECK(cut(R"([{"content":"\n","normalized":true}])", "\u00e9b", R"({"type":"Strip"})") == "(\u00e9)(b)");
}

TEST_CASE("Only the piece with the text's first character is at its start") {
  const json model_json = json::parse(R"({"vocab":{"?":0},"unk_token":"?"})");
  const json added_json = json::parse(R"([{"content":"<s>","special":true}])");
  const auto model = make_model(JsonNode(model_json, "test"));
  const Pieces pieces = AddedTokens(JsonNode(added_json, "test"), *model, nullptr).extract("a<s>b");
  REQUIRE(pieces.size() == 3);
  CHECK(pieces[0].at_start);
  CHECK(!pieces[1].at_start);
  CHECK(!pieces[2].at_start);
}

TEST_CASE("Tokens that strip spaces take linear time") {
  const std::string spaces(1'000'000, ' ');
  for (const char *flags : {R"("lstrip":true)", R"("rstrip":true)", R"("lstrip":true,"rstrip":true)"}) {
    const std::string added = std::string(R"([{"content":" ","normalized":false,)") + flags + "}]";
    const std::string out = cut(added, spaces);
    CHECK(out.size() >= 3);
    CHECK(cut(std::string(R"([{"content":"x","normalized":false,)") + flags + "}]", spaces + "x" + spaces)
              .size() >= 3);
  }
}
