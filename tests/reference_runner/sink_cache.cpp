// Kind "sink_cache": generate() with transformers' SinkCache, whose positions are those of the text: ids, and what the cache
// exports after the last forward pass.
#include <kvern/generation.hpp>

#include "core/torch/tensor.hpp"
#include "core/torch/torch.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

/// The newest keys that the next query still sees, and the sinks: transformers holds one more, its oldest recent one.
void expect_keys(const Case &c, Cache &cache, const files::SafetensorsFile &tensors, int64_t sinks) {
  const std::vector<int64_t> next{cache.info().tokens};
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = 1;
  step.row_pos = next.data();
  cache.begin(step);
  for (const Json &layer : c.json.at("cache_tensors").at("layers")) {
    const auto number = layer.get<int>();
    const kvern_view view = cache.view(number);
    DLTensor k{}, v{};
    cache.update(number, nullptr, nullptr, &k, &v);
    const auto want = load(tensors, "cache.key." + std::to_string(number));
    std::vector<int64_t> columns;
    for (int64_t i = 0; i < view.kv_len; ++i)
      if ((view.key_pos ? view.key_pos[i] : view.first_pos[0] + i) >= 0) columns.push_back(i);
    const auto got = at::from_blob(k.data, {k.shape, 4}, {k.strides, 4}, at::kFloat)
                         .index_select(2, at::tensor(columns, at::kLong));
    expect_close(got, at::cat({want.slice(2, 0, sinks), want.slice(2, sinks + 1)}, 2), {5e-4, 1e-4},
                 "keys of layer " + std::to_string(number));
  }
  cache.end(0);
}

}  // namespace

OptionTable sink_options(const Json &cache) {
  OptionTable options = cache_config_of(cache);
  options.emplace_back("positions", Option{std::string("absolute"), ""});
  return options;
}

void run_sink_cache(const Case &c, Context &context) {
  if (context.cache && *context.cache != "sink") skip("case for another cache: SinkCache");
  const auto &model = context.model(model_folder(c));
  const auto options = generate_options(c);
  Prompt prompt;
  prompt.input_ids = c.json.at("input_ids").get<Ids>();
  const auto want = c.json.at("expected").at("sequences").get<Ids>();
  auto cache = context.open(model, "sink", static_cast<int64_t>(want.size()),
                            static_cast<int64_t>(want.front().size()), sink_options(c.json.at("cache")));
  const auto tensors = sidecar(c);
  const auto logits = tensors.contains("logits") ? load(tensors, "logits") : at::Tensor();
  GenerationEvents events;
  events.on_logits = [&](int64_t step, const at::Tensor &got) {
    if (logits.defined() && step < logits.size(0))
      expect_close(got.slice(0, 0, logits.size(1)), logits.select(0, step), tolerance_of(c),
                   "logits of step " + std::to_string(step));
  };
  expect_ids(generate(model, cache, prompt, options.config, events).sequences, want);
  const int64_t held = cache.info().tokens, seen = c.json.at("seen_tokens_after").get<int64_t>();
  if (held != seen)
    fail("the cache counts " + std::to_string(held) + " tokens, expected " + std::to_string(seen));
  expect_keys(c, cache, tensors, c.json.at("cache").at("num_sink_tokens").get<int64_t>());
}

}  // namespace kvern::reference
