#include "runtime/tokenizer/decode_stream.hpp"

#include <kvern/error.hpp>
#include <random>
#include <string>

#include "tests/support/test.hpp"

using kvern::DecodeStream;
using kvern::StreamAs;
using kvern::Tokenizer;
using Ids = std::vector<int64_t>;

namespace {

// Ids: 0 "<s>", 1 " do", 2 " n", 3 "'t", 4 " .", then the bytes C3, A9 and FF.
Tokenizer bytes_tokenizer(const std::string &config) {
  return Tokenizer::from_json(
      R"({"added_tokens":[{"id":0,"content":"<s>","special":true}],)"
      R"("decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"}]},"model":{"type":"BPE",)"
      R"("vocab":{"<s>":0," do":1," n":2,"'t":3," .":4,"<0xC3>":5,"<0xA9>":6,"<0xFF>":7},"merges":[]}})",
      config);
}

// Llama-2's decoder. Ids: 0 "<s>", 1 " a", 2 "b", 3 " ", 4 "'s", then the bytes C3, A9 and FF.
Tokenizer stripping_tokenizer(const std::string &config) {
  return Tokenizer::from_json(
      R"({"added_tokens":[{"id":0,"content":"<s>","special":true}],)"
      R"("decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"\u2581"},"content":" "},)"
      R"({"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},)"
      R"("model":{"type":"BPE","vocab":{"<s>":0,"\u2581a":1,"b":2,"\u2581":3,"'s":4,"<0xC3>":5,"<0xA9>":6,)"
      R"("<0xFF>":7},"merges":[]}})",
      config);
}

std::string streamed(const Tokenizer &tokenizer, const Ids &prompt, const Ids &ids) {
  DecodeStream stream(tokenizer, true, prompt);
  std::string all;
  for (const int64_t id : ids) all += stream.push(id).value_or("");
  return all + stream.finish();
}

std::string streamed(const Tokenizer &tokenizer, const Ids &ids) {
  DecodeStream stream(tokenizer, true);
  std::string all;
  for (const int64_t id : ids) all += stream.push(id).value_or("");
  return all + stream.finish();
}

}  // namespace

TEST_CASE("A character is given when its last byte has arrived") {
  DecodeStream stream(bytes_tokenizer(""), true);
  CHECK(stream.push(1) == " do");
  CHECK(!stream.push(5));
  CHECK(stream.push(6) == "\u00E9");
  CHECK(!stream.push(0));
  CHECK(!stream.push(5));
  CHECK(stream.finish() == "\uFFFD");
  CHECK(stream.finish().empty());
}

TEST_CASE("What was given stays when later bytes make it no UTF-8 any more") {
  CHECK(streamed(bytes_tokenizer(""), {5, 6, 7, 1}) == "\u00E9\uFFFD do");
}

TEST_CASE("As the library, a stream refuses bytes that undo what was given") {
  DecodeStream stream(bytes_tokenizer(""), true, StreamAs::library);
  CHECK(!stream.push(5));
  CHECK(stream.push(6) == "\u00E9");
  CHECK(!stream.push(7));
  CHECK_THROWS_WITH(stream.push(1), "Invalid prefix encountered");
}

TEST_CASE("A stream amounts to the text, cleaned up spaces included") {
  const Tokenizer tokenizer = bytes_tokenizer(R"({"clean_up_tokenization_spaces": true})");
  CHECK(streamed(tokenizer, {1, 2, 3, 4}) == " don't.");
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    Ids ids(random() % 12);
    for (int64_t &id : ids) id = random() % 5;
    REQUIRE(streamed(tokenizer, ids) == tokenizer.text(ids, true));
  }
}

TEST_CASE("A continuation keeps the space that a decoder strips from the first token of a text") {
  const Tokenizer tokenizer = stripping_tokenizer("");
  CHECK(tokenizer.text(Ids{0, 1}, true) == "a");
  CHECK(tokenizer.continuation(Ids{0, 1}, Ids{1, 2}, true) == " ab");
  CHECK(tokenizer.continuation(Ids{0}, Ids{1, 2}, true) == "ab");
  CHECK(tokenizer.continuation(Ids{}, Ids{1, 1}, true) == "a a");
  CHECK(tokenizer.continuation(Ids{1, 0}, Ids{1}, true) == " a");  // a prompt that ends in a special token
  CHECK(tokenizer.continuation(Ids{3}, Ids{1}, true) == " a");
}

TEST_CASE("A character that begins in the prompt is completed by the continuation") {
  const Tokenizer tokenizer = stripping_tokenizer("");
  CHECK(tokenizer.continuation(Ids{1, 5}, Ids{6, 1}, true) == "\u00E9 a");
  CHECK(tokenizer.continuation(Ids{1, 5}, Ids{1}, true) == " a");
  CHECK(streamed(tokenizer, {1, 5}, {6, 1}) == "\u00E9 a");
  CHECK(streamed(tokenizer, {1, 5}, {1}) == " a");
}

TEST_CASE("A stream behind a prompt amounts to the continuation") {
  for (const char *config : {"", R"({"clean_up_tokenization_spaces": true})"}) {
    const Tokenizer tokenizer = stripping_tokenizer(config);
    std::mt19937 random(6);
    for (int round = 0; round < 3000; ++round) {
      Ids prompt(random() % 6), ids(random() % 8);
      for (int64_t &id : prompt) id = random() % 5;
      for (int64_t &id : ids) id = random() % 5;
      REQUIRE(streamed(tokenizer, prompt, ids) == tokenizer.continuation(prompt, ids, true));
    }
  }
}

TEST_CASE("Bytes that never become a character are given before they are many") {
  DecodeStream stream(bytes_tokenizer(""), true);
  size_t parts = 0;
  for (int i = 0; i < 1000; ++i) parts += stream.push(7).has_value();
  CHECK(parts >= 10);
}
