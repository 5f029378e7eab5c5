#include "runtime/run/text_windows.hpp"

#include <kvern/error.hpp>
#include <numeric>

#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

Ids count_to(int64_t n) {
  Ids ids(static_cast<size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

}  // namespace

TEST_CASE("Windows follow each other, begin with the special tokens, and leave out the rest") {
  const auto windows = cut_windows({100}, count_to(10), 4, 0);
  CHECK(windows == std::vector<Ids>{{100, 0, 1, 2}, {100, 3, 4, 5}, {100, 6, 7, 8}});
  CHECK(cut_windows({}, count_to(8), 4, 0) == std::vector<Ids>{{0, 1, 2, 3}, {4, 5, 6, 7}});
  CHECK(cut_windows({100}, count_to(10), 4, 2).size() == 2);
}

TEST_CASE("A text that fills no window is refused with both numbers") {
  try {
    cut_windows({100}, count_to(10), 12, 0);
    FAIL("no error");
  } catch (const Error &e) {
    CHECK(e.kind() == ErrorKind::input);
    CHECK_THAT(e.what(), Catch::Contains("10 tokens") && Catch::Contains("window of 12"));
  }
  CHECK_THROWS_AS(cut_windows({1, 2, 3}, count_to(10), 3, 0), Error);  // no room beside the special tokens
}

TEST_CASE("A window can end with a passage that it has had") {
  std::vector<Ids> windows{count_to(40)};
  end_with_passage(windows, 8);
  Ids expected = count_to(32);
  for (int64_t id = 8; id < 16; ++id) expected.push_back(id);
  CHECK(windows[0] == expected);
  for (const int64_t n : {7, 11}) {
    CAPTURE(n);
    CHECK_THROWS_WITH(end_with_passage(windows, n),
                      Catch::Contains("--recall " + std::to_string(n)) && Catch::Contains("from 8 to 10"));
  }
}

TEST_CASE("The windows of a text are what the tokenizer makes of it") {
  const auto tokenizer = Tokenizer::load(test::source_path("models/demo"));
  const std::string text = "Once upon a time there was a young girl named Anna. She lived near a lake.";
  const auto whole = tokenizer.encode_hf(text, true);
  const auto windows = text_windows(tokenizer, text, static_cast<int64_t>(whole.size()), 0);
  CHECK(windows == std::vector<Ids>{whole});
  CHECK(text_windows(tokenizer, text, 8, 2)[1].front() == whole.front());
}
