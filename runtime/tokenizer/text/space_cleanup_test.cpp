#include "runtime/tokenizer/text/space_cleanup.hpp"

#include <random>

#include "tests/support/test.hpp"

using namespace kvern::tokenizer;

TEST_CASE("Spaces before punctuation and contractions go") {
  CHECK(clean_up_spaces("it 's . They do n't ' go , I 've ?") == "it's. They don't'go, I've?");
  CHECK(clean_up_spaces("a  . b") == "a . b");
  CHECK(clean_up_word_pieces("I do not") == "I don't");
}

TEST_CASE("A text that arrives in parts is cleaned up as the whole text is") {
  std::mt19937 random(7);
  const std::string letters = " .,!?'nmtsvrex  ";
  for (int round = 0; round < 20000; ++round) {
    SpaceCleanup cleanup;
    std::string whole, given;
    for (unsigned part = random() % 8; part > 0; --part) {
      std::string text;
      for (unsigned i = random() % 5; i > 0; --i) text += letters[random() % letters.size()];
      whole += text;
      given += cleanup.push(text);
    }
    given += cleanup.finish();
    INFO(whole);
    REQUIRE(given == clean_up_spaces(whole));
  }
}

TEST_CASE("A word is given as soon as no later text can change it") {
  SpaceCleanup cleanup;
  CHECK(cleanup.push("hello") == "hello");
  CHECK(cleanup.push(" world") == " world");
  CHECK(cleanup.push(" n").empty());
  CHECK(cleanup.push("ow") == " now");
  CHECK(cleanup.push(" .").empty());
  CHECK(cleanup.finish() == ".");
}
