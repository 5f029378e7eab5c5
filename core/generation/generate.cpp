// One generation: checks, then the strategy that the configuration asks for.
#include <algorithm>
#include <kvern/generation.hpp>

#include "core/generation/check.hpp"
#include "core/generation/driver.hpp"
#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

void check_fits(int64_t positions, const Model &model, const Cache &cache) {
  const int64_t limit = position_limit(model, cache), of_cache = cache.info().capacity;
  const std::string start = "the prompt has " + std::to_string(positions) + " tokens, ";
  if (of_cache >= 0 && positions > of_cache)
    throw Error(ErrorKind::input,
                start + "the cache '" + cache.plugin().name + "' holds at most " + std::to_string(of_cache));
  if (limit >= 0 && positions > limit)
    throw Error(ErrorKind::input, start + "the model takes at most " + std::to_string(limit) + " positions");
}

}  // namespace

/// An empty prompt begins with bos_token_id where there is one.
static Prompt with_bos(const Prompt &prompt, const GenerationConfig &config) {
  const auto bos = config.get(option::bos_token_id);
  const bool empty = prompt.input_ids.size() == 1 && prompt.input_ids.front().empty();
  return bos && empty ? Prompt{{{*bos}}, {}} : prompt;
}

GenerationResult generate(const Model &model, Cache &cache, const Prompt &given,
                          const GenerationConfig &config, const GenerationEvents &events,
                          const GenerationResources &resources) {
  c10::InferenceMode no_gradients;
  check_config(config, resources);
  const Prompt prompt = with_bos(given, config);
  check_prompt(prompt, model.info().vocab_size);
  const auto padding = left_padding(prompt);
  check_fits(static_cast<int64_t>(prompt.input_ids.front().size()) -
                 *std::min_element(padding.begin(), padding.end()),
             model, cache);
  const StrategyEntry &strategy = choose_strategy(config, resources);
  const auto per_prompt =
      strategy.sequences_per_prompt != nullptr ? strategy.sequences_per_prompt : strategy.rows_per_prompt;
  GenerationLoop loop(model, cache, prompt, config, events, resources, per_prompt(config));
  strategy.run(loop);
  return loop.finish();
}

}  // namespace kvern
