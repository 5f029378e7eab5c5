// Prompts of speech models, and segments out of the ids of a window.
#include "runtime/run/speech.hpp"

#include "runtime/run/transcribe.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using Ids = std::vector<int64_t>;

namespace {

SpeechTokens tokens() {
  SpeechTokens t;
  t.start = 100;
  t.no_timestamps = 199;  // 200 is 0.00 s
  t.languages = {{"<|de|>", 102}, {"<|en|>", 101}};
  t.tasks = {{"transcribe", 105}, {"translate", 104}};
  return t;
}

Ids prompt(const SpeechRequest &request, const SpeechTokens &of = tokens()) {
  return speech_prompt(of, request, [] { return int64_t{102}; });
}

}  // namespace

TEST_CASE("The prompt has language, task and whether there are timestamps") {
  CHECK(prompt({"en", "translate", false}) == Ids{100, 101, 104, 199});
  CHECK(prompt({"<|en|>", {}, false}) == Ids{100, 101, 105, 199});
  CHECK(prompt({"en", {}, true}) == Ids{100, 101, 105});
}

TEST_CASE("A language that nobody names is detected, and then no task is given either") {
  CHECK(prompt({{}, {}, false}) == Ids{100, 102, 199});
  CHECK(prompt({{}, "translate", true}) == Ids{100, 102, 104});
}

TEST_CASE("A model of one language has neither language nor task") {
  SpeechTokens english = tokens();
  english.languages.clear();
  english.tasks.clear();
  CHECK(prompt({}, english) == Ids{100, 199});
  CHECK(test::error_text(ErrorKind::input, [&] {
          prompt({"en", {}, false}, english);
        }) == "the language '<|en|>' is none of this model's: it has none");
}

TEST_CASE("forced_decoder_ids say language and task where the user does not") {
  SpeechTokens forced = tokens();
  forced.forced = {{1, 101}, {2, 104}};
  CHECK(prompt({}, forced) == Ids{100, 101, 104, 199});
  CHECK(prompt({"de", "transcribe", false}, forced) == Ids{100, 102, 105, 199});
}

TEST_CASE("A language or task that the model does not have is refused with the nearest") {
  CHECK(test::error_text(ErrorKind::input, [] {
          prompt({"dd", {}, false});
        }).find("<|de|>") != std::string::npos);
  CHECK(test::error_text(ErrorKind::input, [] {
          prompt({"en", "transcribed", false});
        }).find("transcribe") != std::string::npos);
}

TEST_CASE("Pairs of timestamps end segments, and the next window begins at the last of them") {
  const auto result = segments_of({200, 1, 2, 250, 250, 3, 300, 300, 4}, tokens(), 4.0);
  REQUIRE(result.segments.size() == 2);
  CHECK(result.segments[0].ids == Ids{1, 2});
  CHECK(result.segments[0].begin == Approx(0.0));
  CHECK(result.segments[0].end == Approx(1.0));
  CHECK(result.segments[1].ids == Ids{3});
  CHECK(result.segments[1].begin == Approx(1.0));
  CHECK(result.segments[1].end == Approx(2.0));
  CHECK(result.advance == Approx(2.0));
}

TEST_CASE("A window that ends in one timestamp, or has no pair, is followed by the next as a whole") {
  const auto ended = segments_of({200, 1, 250, 250, 2, 350}, tokens(), 4.0);
  REQUIRE(ended.segments.size() == 2);
  CHECK(ended.segments[1].end == Approx(3.0));
  CHECK(ended.advance == Approx(4.0));
  const auto open = segments_of({210, 1, 2}, tokens(), 4.0);
  REQUIRE(open.segments.size() == 1);
  CHECK(open.segments[0].begin == Approx(0.2));
  CHECK(open.segments[0].end == Approx(4.0));
  CHECK(open.advance == Approx(4.0));
  CHECK(segments_of({}, tokens(), 4.0).segments.empty());
}
