#include <algorithm>
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

const Prompt kPrompt{{{3, 1, 4, 1, 5}}, {}};

GenerationConfig beams(int64_t n, int64_t max_new_tokens) {
  GenerationConfig config;
  config.set(option::max_new_tokens, {max_new_tokens});
  set_option(config, "num_beams", to_option(n));
  return config;
}

GenerationResult run(const std::string &cache_name, const Prompt &prompt, const GenerationConfig &config) {
  const ToyModel model;
  CacheSpec spec;
  spec.layers = model.layers();
  spec.max_tokens = 64;
  const auto found = find_plugin(cache_name, {test::program("../lib/kvern/plugins")});
  auto cache = Cache::create(std::make_shared<Host>(), *found.plugin, spec);
  return generate(model, cache, prompt, config);
}

/// log-probability of `ids` behind a prompt, by one pass over all of it.
double log_probability(const Ids &prompt, const Ids &ids) {
  double sum = 0;
  Ids row = prompt;
  for (size_t i = prompt.size(); i < ids.size(); ++i) {
    GenerationConfig config;
    config.set(option::max_new_tokens, {int64_t{1}});
    GenerationEvents events;
    events.on_logits = [&](int64_t, const at::Tensor &logits) {
      sum += logits.log_softmax(-1)[0][ids[i]].item<double>();
    };
    const ToyModel model;
    CacheSpec spec;
    spec.layers = model.layers();
    const auto found = find_plugin("none", {test::program("../lib/kvern/plugins")});
    auto cache = Cache::create(std::make_shared<Host>(), *found.plugin, spec);
    generate(model, cache, {{row}, {}}, config, events);
    row.push_back(ids[i]);
  }
  return sum;
}

/// The likeliest of all continuations of two tokens.
Ids best_of_all(const Ids &prompt) {
  double best = -1e9;
  Ids result;
  for (int64_t a = 0; a < ToyModel::kVocab; ++a)
    for (int64_t b = 0; b < ToyModel::kVocab; ++b) {
      Ids ids = prompt;
      ids.insert(ids.end(), {a, b});
      const double sum = log_probability(prompt, ids);
      if (sum > best) best = sum, result = ids;
    }
  return result;
}

}  // namespace

TEST_CASE("With as many beams as tokens, beam search finds the likeliest of all continuations") {
  const auto result = run("dynamic", kPrompt, beams(ToyModel::kVocab, 2));
  CHECK(result.sequences[0] == best_of_all(kPrompt.input_ids[0]));
  CHECK(std::abs(result.sequences_scores[0] -
                 log_probability(kPrompt.input_ids[0], result.sequences[0]) / 2) < 1e-4);
}

TEST_CASE("Every cache gives the same beams, and the prompts of a batch are independent") {
  auto config = beams(4, 12);
  set_option(config, "num_return_sequences", to_option(int64_t{4}));
  config.set(option::eos_token_id, {2, 9});
  config.set(option::pad_token_id, {int64_t{0}});
  const auto want = run("dynamic", kPrompt, config);
  for (const std::string name : {"static", "none"}) {
    const auto got = run(name, kPrompt, config);
    CHECK(got.sequences == want.sequences);
    CHECK(got.beam_indices == want.beam_indices);
  }
  const Prompt batch{{{7, 2, 7, 2, 7}, {3, 1, 4, 1, 5}}, {}};
  const auto both = run("dynamic", batch, config);
  for (size_t r = 0; r < 4; ++r) {
    CHECK(both.new_tokens[4 + r] == want.new_tokens[r]);
    CHECK(std::equal(want.sequences[r].begin(), want.sequences[r].begin() + 5 + want.new_tokens[r],
                     both.sequences[4 + r].begin()));
  }
}

TEST_CASE("Groups of beams differ, and a seed draws the same beams again") {
  auto config = beams(4, 6);
  set_option(config, "num_return_sequences", to_option(int64_t{4}));
  set_option(config, "num_beam_groups", to_option(int64_t{4}));
  set_option(config, "diversity_penalty", to_option(100.0));
  const auto groups = run("dynamic", kPrompt, config).sequences;
  for (size_t a = 0; a < 4; ++a)
    for (size_t b = a + 1; b < 4; ++b) CHECK(groups[a][5] != groups[b][5]);
  auto sampled = beams(3, 6);
  sampled.set(option::do_sample, true);
  sampled.seed = 5;
  CHECK(run("dynamic", kPrompt, sampled).sequences == run("static", kPrompt, sampled).sequences);
  const auto other = [&] {
    sampled.seed = 6;
    return run("dynamic", kPrompt, sampled);
  }();
  CHECK(other.seed == 6);
}

TEST_CASE("Options of beam search that contradict each other are refused") {
  const auto message = [](const std::string &name, const Option &value, int64_t n = 4) {
    return error_text(ErrorKind::config, [&] {
      auto config = beams(n, 4);
      set_option(config, name, value);
      run("dynamic", kPrompt, config);
    });
  };
  CHECK(message("num_return_sequences", to_option(int64_t{5})).find("at most as many") != std::string::npos);
  CHECK(message("diversity_penalty", to_option(1.0)).find("num_beam_groups") != std::string::npos);
  CHECK(message("num_beam_groups", to_option(int64_t{3})).find("divisible") != std::string::npos);
  CHECK(message("num_beam_groups", to_option(int64_t{2})).find("diversity_penalty") != std::string::npos);
  CHECK(message("early_stopping", to_option(std::string("soon"))).find("never") != std::string::npos);
}
