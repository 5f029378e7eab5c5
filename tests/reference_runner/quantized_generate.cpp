// Kind "quantized_generate": generate() with another library's quantizer, whose ids nobody else need give. What must agree:
// the logits after the prompt, which no quantizer has touched yet, and the ids with those of the full cache as long as
// nothing is packed.
#include <kvern/generation.hpp>

#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

/// Heads of 8 numbers were grouped by 8; a longer group ends where the head ends.
constexpr int64_t kShortestGroup = 16;

struct CaseRun {
  Ids ids;
  at::Tensor first_logits;
  int64_t bytes_used;
};

CaseRun run(const Model &model, Cache cache, const Case &c, const GenerationConfig &config) {
  Prompt prompt;
  prompt.input_ids = c.json.at("input_ids").get<Ids>();
  CaseRun result;
  GenerationEvents events;
  events.on_logits = [&](int64_t step, const at::Tensor &logits) {
    if (step == 0) result.first_logits = logits.clone();
  };
  result.ids = generate(model, cache, prompt, config, events).sequences;
  result.bytes_used = cache.info().bytes_used;
  return result;
}

}  // namespace

void run_quantized_generate(const Case &c, Context &context) {
  if (context.cache && *context.cache != "quantized") skip("case for another cache: QuantizedCache");
  const auto &model = context.model(model_folder(c));
  const auto options = generate_options(c);
  const auto ids = c.json.at("input_ids").get<Ids>();
  const auto rows = static_cast<int64_t>(ids.size());
  const auto longest = static_cast<int64_t>(c.json.at("expected").at("sequences").front().size());
  auto config = options.cache_config;
  for (auto &[key, option] : config)
    if (auto *group = std::get_if<int64_t>(&option.value); group && key == "q_group_size")
      *group = std::max(*group, kShortestGroup);
  const auto ours = run(model, context.open(model, "quantized", rows, longest, config), c, options.config);
  const auto tensors = sidecar(c);
  const auto want = load(tensors, "logits").select(0, 0);
  expect_close(ours.first_logits.slice(0, 0, want.size(0)), want, {}, "logits after the prompt");
  Context plain;
  plain.plugin_path = context.plugin_path;
  const auto full = run(model, plain.open(model, "dynamic", rows, longest), c, options.config);
  if (ours.bytes_used == full.bytes_used) expect_ids(ours.ids, full.ids);
  if (ours.bytes_used > full.bytes_used) fail("the quantized cache uses more bytes than the full one");
}

}  // namespace kvern::reference
