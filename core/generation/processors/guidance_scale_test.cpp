#include <kvern/generation.hpp>
#include <kvern/plugin_registry.hpp>

#include "core/generation/testing_model.hpp"
#include "core/torch/torch.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

using Ids = std::vector<int64_t>;

Cache open(const Model &model) {
  CacheSpec spec;
  spec.layers = model.layers();
  spec.max_tokens = 64;
  const auto found = find_plugin("dynamic", {test::program("../lib/kvern/plugins")});
  return Cache::create(std::make_shared<Host>(), *found.plugin, spec);
}

/// Log-probabilities behind each token of `ids` from position `from` on.
std::vector<at::Tensor> log_probabilities(const Ids &ids, size_t from) {
  std::vector<at::Tensor> result;
  for (size_t n = from; n <= ids.size(); ++n) {
    const test::ToyModel model;
    auto cache = open(model);
    GenerationConfig config;
    config.set(option::max_new_tokens, {int64_t{1}});
    GenerationEvents events;
    events.on_logits = [&](int64_t, const at::Tensor &logits) {
      result.push_back(logits[0].log_softmax(-1));
    };
    generate(model, cache, {{Ids(ids.begin(), ids.begin() + static_cast<int64_t>(n))}, {}}, config, events);
  }
  return result;
}

}  // namespace

TEST_CASE("Guidance weighs scores with those behind the last token of the prompt, with a cache of its own") {
  const test::ToyModel model;
  auto cache = open(model);
  GenerationConfig config;
  config.set(option::max_new_tokens, {int64_t{5}});
  config.set(option::guidance_scale, {1.5});
  std::vector<at::Tensor> scores;
  GenerationEvents events;
  events.on_scores = [&](int64_t, const at::Tensor &s) { scores.push_back(s[0].clone()); };
  const auto ids = generate(model, cache, {{{3, 1, 4, 1, 5}}, {}}, config, events).sequences[0];
  const auto with = log_probabilities(ids, 5),
             without = log_probabilities(Ids(ids.begin() + 4, ids.end()), 1);
  REQUIRE(scores.size() == 5);
  for (size_t i = 0; i < scores.size(); ++i)
    CHECK(at::allclose(scores[i], (with[i] - without[i]) * 1.5 + without[i], 1e-4, 1e-4));
}
