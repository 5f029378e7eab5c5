#include <kvern/generation.hpp>
#include <kvern/plugin_registry.hpp>

#include "core/generation/testing_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using kvern::test::error_text;
using kvern::test::ToyModel;

namespace {

using Ids = std::vector<int64_t>;
using Rows = std::vector<Ids>;

Cache open(const Model &model, const std::string &name, int64_t max_tokens = 64) {
  CacheSpec spec;
  spec.layers = model.layers();
  spec.max_tokens = max_tokens;
  const auto found = find_plugin(name, {test::program("../lib/kvern/plugins")});
  return Cache::create(std::make_shared<Host>(), *found.plugin, spec);
}

GenerationConfig take(int64_t max_new_tokens) {
  GenerationConfig config;
  config.max_new_tokens = max_new_tokens;
  return config;
}

const Prompt kPrompt{{{3, 1, 4, 1, 5}}, {}};

Rows sequences(const std::string &cache_name, const Prompt &prompt, const GenerationConfig &config) {
  const ToyModel model;
  auto cache = open(model, cache_name);
  return generate(model, cache, prompt, config).sequences;
}

}  // namespace

TEST_CASE("Every cache, no cache, and prompts fed in pieces give the same tokens") {
  const auto want = sequences("dynamic", kPrompt, take(12));
  CHECK(want[0].size() == 17);
  for (const std::string name : {"static", "none"}) CHECK(sequences(name, kPrompt, take(12)) == want);
  auto config = take(12);
  config.use_cache = false;
  CHECK(sequences("dynamic", kPrompt, config) == want);
  config = take(12);
  config.prefill_chunk_size = 2;
  for (const std::string name : {"dynamic", "static", "none"})
    CHECK(sequences(name, kPrompt, config) == want);
}

TEST_CASE("A token is fed once where the cache keeps it, and a prompt in pieces of the size asked for") {
  const ToyModel model;
  auto cache = open(model, "dynamic");
  auto config = take(3);
  config.prefill_chunk_size = 2;
  generate(model, cache, kPrompt, config);
  CHECK(model.fed == Ids{2, 2, 1, 1, 1});
  CHECK(cache.info().tokens == 7);  // the last token is not fed
}

TEST_CASE("A cache that holds the beginning of a prompt is fed only the rest") {
  const ToyModel model;
  auto cache = open(model, "dynamic");
  const auto first = generate(model, cache, kPrompt, take(4)).sequences;
  model.fed.clear();
  const auto more = generate(model, cache, {first, {}}, take(4)).sequences;
  CHECK(model.fed == Ids{1, 1, 1, 1});
  CHECK(more == sequences("dynamic", kPrompt, take(8)));
  // A prompt that is held whole is cut back by one token, whose logits are wanted.
  model.fed.clear();
  CHECK(generate(model, cache, kPrompt, take(2)).sequences == sequences("dynamic", kPrompt, take(2)));
  CHECK(model.fed == Ids{1, 1});
}

TEST_CASE("Padding on the left changes nothing, and rows of a batch are independent") {
  const Prompt batch{{{0, 0, 0, 7, 2}, {3, 1, 4, 1, 5}}, {{0, 0, 0, 1, 1}, {1, 1, 1, 1, 1}}};
  for (const std::string name : {"dynamic", "static", "none"}) {
    const auto rows = sequences(name, batch, take(6));
    const auto alone = sequences(name, {{{7, 2}}, {}}, take(6));
    CHECK(Ids(rows[0].begin() + 3, rows[0].end()) == alone[0]);
    CHECK(rows[1] == sequences(name, kPrompt, take(6))[0]);
  }
}

TEST_CASE("Columns that are padding in every row are not fed") {
  const ToyModel model;
  auto cache = open(model, "dynamic");
  generate(model, cache, {{{0, 0, 0, 7, 2}}, {{0, 0, 0, 1, 1}}}, take(1));
  CHECK(model.fed == Ids{2});
}

TEST_CASE("A row ends at an end-of-sequence id and is padded while others go on") {
  const auto free = sequences("dynamic", {{{3, 1, 4, 1, 5}, {7, 2, 7, 2, 7}}, {}}, take(8));
  auto config = take(8);
  config.eos_token_id = {free[0][6]};
  config.pad_token_id = 0;
  const ToyModel model;
  auto cache = open(model, "dynamic");
  const auto result = generate(model, cache, {{{3, 1, 4, 1, 5}, {7, 2, 7, 2, 7}}, {}}, config);
  CHECK(result.finish_reason[0] == FinishReason::stop);
  CHECK(result.new_tokens[0] == 2);
  CHECK(result.sequences[0][6] == free[0][6]);
  for (size_t i = 7; i < result.sequences[0].size(); ++i) CHECK(result.sequences[0][i] == 0);
}

TEST_CASE("The limit of the model or of the cache ends a generation as the length does") {
  const ToyModel limited(9);
  auto cache = open(limited, "dynamic");
  const auto by_model = generate(limited, cache, kPrompt, take(50));
  CHECK(by_model.sequences[0].size() == 10);  // nine positions are fed; the tenth token is not
  CHECK(by_model.finish_reason[0] == FinishReason::length);
  const ToyModel model;
  auto small = open(model, "static", 8);
  CHECK(generate(model, small, kPrompt, take(50)).sequences[0].size() == 9);
}

TEST_CASE("When the model's rope version changes the cache is filled anew") {
  ToyModel model;
  model.rope_version_change = 7;
  auto cache = open(model, "dynamic");
  generate(model, cache, kPrompt, take(5));
  CHECK(model.fed == Ids{5, 1, 1, 8, 1});
}

TEST_CASE("Several sequences of one prompt are fed once and drawn apart") {
  auto config = take(6);
  config.do_sample = true;
  config.num_return_sequences = 3;
  config.seed = 11;
  const ToyModel model;
  auto cache = open(model, "dynamic");
  const auto result = generate(model, cache, kPrompt, config);
  CHECK(result.sequences.size() == 3);
  CHECK(result.sequences[0] != result.sequences[1]);
  CHECK(model.fed == Ids{5, 1, 1, 1, 1, 1});
  CHECK(result.seed == 11);
  CHECK(sequences("none", kPrompt, config) == result.sequences);
}

TEST_CASE("A generation can be watched and ended from outside") {
  const ToyModel model;
  auto cache = open(model, "dynamic");
  Ids seen;
  int64_t prefilled = 0;
  GenerationEvents events;
  events.on_tokens = [&](const Ids &next) { seen.push_back(next[0]); };
  events.on_prefill = [&](int64_t done, int64_t) { prefilled = done; };
  events.stop_requested = [&] { return seen.size() == 3; };
  const auto result = generate(model, cache, kPrompt, take(10), events);
  CHECK(prefilled == 5);
  CHECK(Ids(result.sequences[0].begin() + 5, result.sequences[0].end()) == seen);
  CHECK(seen.size() == 3);
}

TEST_CASE("Prompts that cannot be continued are refused with both numbers") {
  const ToyModel model(4);
  auto cache = open(model, "dynamic");
  const auto text = [&](const Prompt &prompt, const GenerationConfig &config) {
    return error_text(ErrorKind::input, [&] { generate(model, cache, prompt, config); });
  };
  CHECK(text(kPrompt, take(1)) == "the prompt has 5 tokens, the model takes at most 4 positions");
  CHECK(text({{{}}, {}}, take(1)) == "the prompt is empty: at least one token is needed");
  CHECK(text({{{1, 99}}, {}}, take(1)) ==
        "id 99 at position 1 of the prompt is outside the vocabulary: ids go from 0 to 22");
  CHECK(text({{{1, 2}}, {{1, 0}}}, take(1)) ==
        "the attention mask of the prompt must be zeros, then ones: padding goes on the left");
  CHECK(text({{{1, 2}, {1}}, {}}, take(1)) ==
        "row 1 of the prompt has 1 ids, row 0 has 2: pad shorter rows on the left");
  GenerationConfig by_length;
  by_length.max_length = 2;
  CHECK(text({{{1, 2}}, {}}, by_length) ==
        "the prompt has 2 tokens and max_length is 2: nothing is left to generate; set max_new_tokens");
}

TEST_CASE("Options out of range are refused by name") {
  const auto text = [](auto change) {
    GenerationConfig config = take(1);
    change(config);
    return error_text(ErrorKind::config, [&] { sequences("dynamic", kPrompt, config); });
  };
  CHECK(text([](auto &c) { c.temperature = 0; }) ==
        "temperature = 0: it must be greater than 0 (for no randomness set do_sample = false)");
  CHECK(text([](auto &c) { c.top_p = 1.5; }) == "top_p = 1.5: it must be greater than 0 and at most 1");
  CHECK(text([](auto &c) { c.num_return_sequences = 2; }) ==
        "num_return_sequences = 2: it must be 1 unless do_sample = true: greedy rows would all be the same");
}
