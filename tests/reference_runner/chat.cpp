// Cases of several turns on one cache: each turn's ids, and how many tokens the cache holds before and after it.
#include <functional>
#include <kvern/generation.hpp>
#include <limits>

#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"
#include "tests/reference_runner/recorder.hpp"

namespace kvern::reference {
namespace {

void expect_held(const Cache &cache, const Json &turn, const char *when) {
  const int64_t tokens = cache.info().tokens, want = turn.at(when).get<int64_t>();
  if (tokens != want)
    fail(std::string(when) + ": the cache holds " + std::to_string(tokens) + " tokens, not " +
         std::to_string(want));
}

/// Row by row: what is behind the other.
Ids joined(Ids first, const Ids &behind) {
  first.resize(behind.size());
  for (size_t r = 0; r < behind.size(); ++r)
    first[r].insert(first[r].end(), behind[r].begin(), behind[r].end());
  return first;
}

}  // namespace

void run_chat(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const auto options = generate_options(c);
  const auto rows = std::ssize(c.json.at("input_ids"));
  const auto longest = length_limit(options.config, std::ssize(c.json["input_ids"][0]));
  auto cache = context.open(model, options.cache, rows, longest);
  auto logits = recorder(c, {"logits"});
  Prompt prompt;
  const Json &turns = c.json.at("turns");
  for (const Json &turn : turns) {
    prompt.input_ids = joined(std::move(prompt.input_ids), turn.at("new_ids").get<Ids>());
    expect_ids(prompt.input_ids, turn.at("input_ids").get<Ids>());
    if (keeps_tokens(cache)) expect_held(cache, turn, "cached_before");
    GenerationEvents events;
    if (logits && &turn == &turns.back()) events.on_logits = std::ref(*logits);
    prompt.input_ids = generate(model, cache, prompt, options.config, events).sequences;
    expect_ids(prompt.input_ids, turn.at("sequences").get<Ids>());
    if (keeps_tokens(cache)) expect_held(cache, turn, "cached_after");
  }
  if (logits) logits->compare({}, "logits", std::numeric_limits<int64_t>::max());
}

}  // namespace kvern::reference
