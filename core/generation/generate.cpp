// One generation: checks, then the strategy that the configuration asks for.
#include <algorithm>
#include <kvern/generation.hpp>

#include "core/generation/check.hpp"
#include "core/generation/driver.hpp"
#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

int64_t encoder_rows(const EncoderInput &input) {
  return input.features.defined() ? input.features.size(0) : input.ids.size(0);
}

}  // namespace

/// An empty prompt begins with bos_token_id where there is one.
static Prompt with_bos(const Prompt &prompt, const GenerationConfig &config) {
  const auto bos = config.get(option::bos_token_id);
  const bool empty = prompt.input_ids.size() == 1 && prompt.input_ids.front().empty();
  return bos && empty ? Prompt{{{*bos}}, {}} : prompt;
}

static void check_encoder(const Prompt &prompt, const ModelInfo &info) {
  const bool given = prompt.encoder.has_value(), has = info.encoder != EncoderKind::none;
  if (given == has) return;
  throw Error(ErrorKind::input, "the model '" + info.model_type +
                                    (has ? std::string("' has an encoder, which needs an input: ") +
                                               (info.encoder == EncoderKind::audio ? "a recording" : "a text")
                                         : "' has no encoder: it takes a prompt and nothing beside it"));
}

/// As transformers: every row of a decoder behind an encoder begins with its start token.
static Prompt with_decoder_start(Prompt prompt, const GenerationConfig &config) {
  auto start = config.get(option::decoder_start_token_id);
  if (!start) start = config.get(option::bos_token_id);
  auto &rows = prompt.input_ids;
  const auto begins = [&](const auto &row) { return !row.empty() && row.front() == *start; };
  if (rows.empty()) rows.resize(static_cast<size_t>(encoder_rows(*prompt.encoder)));
  if (!start || std::any_of(rows.begin(), rows.end(), begins)) return prompt;
  for (auto &row : rows) row.insert(row.begin(), *start);
  for (auto &row : prompt.attention_mask) row.insert(row.begin(), 1);
  return prompt;
}

static std::optional<Encoded> encode(const Model &model, const Prompt &prompt) {
  if (!prompt.encoder) return {};
  if (encoder_rows(*prompt.encoder) != static_cast<int64_t>(prompt.input_ids.size()))
    throw Error(ErrorKind::input, "the encoder is given " + std::to_string(encoder_rows(*prompt.encoder)) +
                                      " rows, the decoder " + std::to_string(prompt.input_ids.size()));
  return model.encode(*prompt.encoder);
}

GenerationResult generate(const Model &model, Cache &cache, const Prompt &given,
                          const GenerationConfig &config, const GenerationEvents &events,
                          const GenerationResources &resources) {
  c10::InferenceMode no_gradients;
  check_config(config, resources);
  check_encoder(given, model.info());
  const Prompt prompt = given.encoder ? with_decoder_start(given, config) : with_bos(given, config);
  check_prompt(prompt, model.info().vocab_size);
  const auto padding = left_padding(prompt);
  check_fits(static_cast<int64_t>(prompt.input_ids.front().size()) -
                 *std::min_element(padding.begin(), padding.end()),
             model, cache);
  const StrategyEntry &strategy = choose_strategy(config, resources);
  const auto per_prompt =
      strategy.sequences_per_prompt != nullptr ? strategy.sequences_per_prompt : strategy.rows_per_prompt;
  GenerationLoop loop(model, cache, prompt, config, events, resources, per_prompt(config),
                      encode(model, prompt));
  try {
    strategy.run(loop);
  } catch (const StopRequested &) {
    // During prefill: the result is the prompt alone.
  }
  return loop.finish();
}

}  // namespace kvern
