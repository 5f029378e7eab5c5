#include "core/generation/stopping.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

/// Tokens are "a", "b", "c", "de", "fg", and 9 has no text.
std::string text(std::span<const int64_t> ids) {
  const std::vector<std::string> tokens{"a", "b", "c", "de", "fg"};
  std::string result;
  for (const int64_t id : ids)
    if (id < 5) result += tokens[static_cast<size_t>(id)];
  return result;
}

GenerationConfig stop_at(const std::vector<std::string> &strings) {
  GenerationConfig config;
  config.set(option::max_new_tokens, {int64_t{20}});
  set_option(config, "stop_strings", to_option(strings));
  return config;
}

bool ends(const std::vector<std::string> &strings, const std::vector<int64_t> &ids) {
  return finish_reason(make_stopping_rules(stop_at(strings), {1, text}), ids) == FinishReason::stop;
}

}  // namespace

TEST_CASE("A row ends with the token that completes a stop string, wherever its tokens are cut") {
  CHECK(ends({"cd"}, {0, 2, 3}));    // "c" + "de"
  CHECK(ends({"x", "ef"}, {3, 4}));  // "de" + "fg"
  CHECK(ends({"bcdefg"}, {1, 2, 3, 4}));
  CHECK_FALSE(ends({"cd"}, {2, 3, 0}));  // completed before
  CHECK_FALSE(ends({"cd"}, {2, 3, 9}));  // nothing new
  CHECK_FALSE(ends({"cda"}, {2, 3, 0}));
  CHECK(ends({"d"}, {0, 3}));
}

TEST_CASE("stop_strings needs a tokenizer, and strings that are not empty") {
  const auto message = [](const std::vector<std::string> &strings, bool with_text) {
    return test::error_text(ErrorKind::config, [&] {
      StoppingContext context{1};
      if (with_text) context.text = text;
      make_stopping_rules(stop_at(strings), context);
    });
  };
  CHECK(message({"a"}, false).find("tokenizer") != std::string::npos);
  CHECK(message({""}, true).find("empty string") != std::string::npos);
}
