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
  config.set(option::max_new_tokens, {max_new_tokens});
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
  config.set(option::use_cache, false);
  CHECK(sequences("dynamic", kPrompt, config) == want);
  config = take(12);
  config.set(option::prefill_chunk_size, int64_t{2});
  for (const std::string name : {"dynamic", "static", "none"})
    CHECK(sequences(name, kPrompt, config) == want);
}

TEST_CASE("A token is fed once where the cache keeps it, and a prompt in pieces of the size asked for") {
  const ToyModel model;
  auto cache = open(model, "dynamic");
  auto config = take(3);
  config.set(option::prefill_chunk_size, int64_t{2});
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
  config.set(option::eos_token_id, {free[0][6]});
  config.set(option::pad_token_id, {int64_t{0}});
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
  config.set(option::do_sample, true);
  config.set(option::num_return_sequences, int64_t{3});
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
  by_length.set(option::max_length, int64_t{2});
  CHECK(text({{{1, 2}}, {}}, by_length) ==
        "the prompt has 2 tokens and max_length is 2: nothing is left to generate; set max_new_tokens");
}

TEST_CASE("Options out of range are refused by name, those of sampling where tokens are sampled") {
  const auto text = [](auto change) {
    GenerationConfig config = take(1);
    change(config);
    return error_text(ErrorKind::config, [&] { sequences("dynamic", kPrompt, config); });
  };
  CHECK(text([](auto &c) {
          c.set(option::do_sample, true);
          c.set(option::temperature, -1.0);
        }) == "temperature: expected a number of 0 or more, found the number -1");
  CHECK(text([](auto &c) { c.set(option::prefill_chunk_size, int64_t{-1}); }) ==
        "prefill_chunk_size: expected an integer of 0 or more, found the integer -1");
  CHECK(text([](auto &c) { c.set(option::num_return_sequences, int64_t{2}); }) ==
        "num_return_sequences = 2: it must be 1 unless tokens are sampled (do_sample = true) or num_beams is "
        "as "
        "large: greedy rows would all be the same");
  GenerationConfig greedy = take(12);
  greedy.set(option::temperature, -1.0);
  CHECK(sequences("dynamic", kPrompt, greedy) == sequences("dynamic", kPrompt, take(12)));
}

TEST_CASE("A value out of range is refused with the place where it was read") {
  const auto text = [](OptionSource source, const std::string &place, ErrorKind kind) {
    GenerationConfig config = take(1);
    set_option(config, "top_p", {1.5, place}, source);
    config.set(option::do_sample, true);
    return error_text(kind, [&] { sequences("dynamic", kPrompt, config); });
  };
  const std::string wrong = "expected a number from 0 to 1, found the number 1.5";
  CHECK(text(OptionSource::model, "m/generation_config.json", ErrorKind::model) ==
        "m/generation_config.json: top_p: " + wrong);
  CHECK(text(OptionSource::file, "run.toml:3", ErrorKind::config) ==
        "run.toml:3: generation.top_p: " + wrong);
  CHECK(text(OptionSource::flag, "--set generation.top_p=1.5", ErrorKind::config) ==
        "--set generation.top_p=1.5: " + wrong);
  CHECK(text(OptionSource::caller, "", ErrorKind::config) == "top_p: " + wrong);
}

TEST_CASE("A temperature of 0 is greedy, with one warning where sampling was asked for") {
  GenerationConfig config = take(12);
  config.set(option::temperature, 0.0);
  CHECK(warnings(config).empty());
  config.set(option::do_sample, true);
  REQUIRE(warnings(config).size() == 1);
  CHECK(sequences("dynamic", kPrompt, config) == sequences("dynamic", kPrompt, take(12)));
}

TEST_CASE("A top_p of 0 keeps the most likely token") {
  GenerationConfig config = take(12);
  config.set(option::do_sample, true);
  set_option(config, "top_p", to_option(0.0));
  CHECK(sequences("dynamic", kPrompt, config) == sequences("dynamic", kPrompt, take(12)));
}

TEST_CASE("What a stronger source sets replaces what a weaker one has, and max_length its max_new_tokens") {
  GenerationConfig config = take(12), over;
  config.set(option::temperature, 0.5);
  over.set(option::max_length, int64_t{9});
  config.merge(over, generation_options());
  CHECK(length_limit(config, 5) == 9);
  CHECK(config.get(option::temperature) == 0.5);
  over.set(option::max_new_tokens, {int64_t{3}});
  config.merge(over, generation_options());
  CHECK(length_limit(config, 5) == 8);
  CHECK(length_limit(take(std::numeric_limits<int64_t>::max()), 5) == std::numeric_limits<int64_t>::max());
}

TEST_CASE("An option is set by name and type, and an unknown one is answered with the nearest") {
  GenerationConfig config;
  const auto text = [&](const std::string &name, const Option &value) {
    return error_text(ErrorKind::config, [&] { set_option(config, name, value); });
  };
  CHECK(text("temprature", to_option(1.0)) == "unknown option 'temprature'; did you mean 'temperature'?");
  CHECK(text("temperature", to_option(true)) == "temperature: expected a number of 0 or more");
  set_option(config, "temperature", to_option(int64_t{2}));
  CHECK(config.get(option::temperature) == 2.0);
}

TEST_CASE("Every option has a help line, a source and a default that suits it") {
  for (const OptionDeclaration *d : generation_options()) {
    INFO(d->name);
    CHECK_FALSE(d->help.empty());
    CHECK_FALSE(d->source.empty());
    const auto value = default_of(*d);
    CHECK(value.has_value() != d->optional);
    if (value) CHECK_FALSE(mismatch(*d, *value));
  }
}

TEST_CASE("An empty prompt begins with bos_token_id") {
  GenerationConfig config = take(4);
  config.set(option::bos_token_id, {int64_t{3}});
  CHECK(sequences("dynamic", {{{}}, {}}, config) == sequences("dynamic", {{{3}}, {}}, take(4)));
}
