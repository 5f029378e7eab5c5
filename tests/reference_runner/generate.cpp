// Cases that call generate(): ids token for token, and the logits and scores of the first steps.
#include <cmath>
#include <fstream>
#include <functional>
#include <kvern/generation.hpp>
#include <limits>

#include "core/generation/driver.hpp"
#include "runtime/models/load.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/encoder_input.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"
#include "tests/reference_runner/recorder.hpp"

namespace kvern::reference {
namespace {

Prompt prompt_of(const Case &c, const Model &model) {
  if (model.info().encoder != EncoderKind::none) return encoder_decoder_prompt(c);
  const Json &inputs = c.json.contains("inputs") ? c.json["inputs"] : c.json;
  if (!inputs.contains("input_ids")) skip("input not offered: no input_ids");
  Prompt prompt;
  prompt.input_ids = inputs["input_ids"].get<Ids>();
  if (inputs.contains("attention_mask") && inputs["attention_mask"].is_array())
    prompt.attention_mask = inputs["attention_mask"].get<Ids>();
  return prompt;
}

int64_t rows_of(const Prompt &prompt) {
  if (!prompt.encoder) return static_cast<int64_t>(prompt.input_ids.size());
  const EncoderInput &input = *prompt.encoder;
  return input.features.defined() ? input.features.size(0) : input.ids.size(0);
}

int64_t max_cross(const Prompt &prompt, const Model &model) {
  if (!prompt.encoder) return 0;
  return prompt.encoder->ids.defined() ? prompt.encoder->ids.size(1) : model.info().max_encoder_positions;
}

/// What a case beside this one recorded for the same prompt with these keywords.
std::optional<Ids> recorded_with(const Case &c, const Json &kwargs) {
  for (const auto &entry : std::filesystem::directory_iterator(c.file.parent_path())) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    const auto other = Json::parse(in, nullptr, false);
    if (other.is_object() && other.value("model", "") == c.json.value("model", "") &&
        other.value("generate_kwargs", Json()) == kwargs &&
        other.value("input_ids", Json()) == c.json.value("input_ids", Json()))
      return other.at("expected").at("sequences").get<Ids>();
  }
  return {};
}

/// Does dynamic NTK rope make the ids of a run of that length differ between caches that keep keys and those that do not?
/// The last token is not fed.
bool differs_by_design(const Case &c, size_t length) {
  const auto config = read_model_config(model_folder(c));
  if (!config.has("max_position_embeddings")) return false;  // learned positions
  return static_cast<int64_t>(length) - 1 > config.size("max_position_embeddings") &&
         config.rope().type == files::RopeType::dynamic;
}

/// Does the case record a cache class that fails, or gives other ids than the full cache by a defect?
bool records_defect(const Case &c) {
  if (!c.json.contains("generate_kwargs") || !c.json["generate_kwargs"].contains("cache_implementation"))
    return false;
  if (c.json.contains("expected_error")) return true;
  return c.json.value("quirk", Json()) == true && !c.json.value("same_output_as_dynamic_cache", true);
}

using UncachedRun = std::function<Ids()>;

/// The right ids where a cache class has a defect: those recorded with the full cache, else those of the model without a cache.
Ids ids_without_defect(const Case &c, const UncachedRun &uncached) {
  auto kwargs = c.json.at("generate_kwargs");
  kwargs.erase("cache_implementation");
  if (const auto full = recorded_with(c, kwargs)) return *full;
  return uncached();
}

/// Steps before a window cache of transformers writes its last slot, where its defect begins; 0: another defect.
int64_t steps_before_defect(const Case &c) {
  const auto config = read_model_config(model_folder(c));
  if (c.json["generate_kwargs"]["cache_implementation"] != "sliding_window" || !config.has("sliding_window"))
    return 0;
  const auto length = static_cast<int64_t>(c.json.at("input_ids")[0].size());
  return std::max<int64_t>(0, config.size("sliding_window") - length);
}

/// What this cache is to be compared with. `keeps`: the cache holds tokens between steps.
Ids expected_ids(const Case &c, bool keeps, const UncachedRun &uncached) {
  if (c.json.contains("expected_no_cache")) return c.json["expected_no_cache"]["sequences"].get<Ids>();
  if (records_defect(c)) return ids_without_defect(c, uncached);
  if (!c.json.contains("expected")) skip("no output recorded");
  const auto recorded = c.json["expected"]["sequences"].get<Ids>();
  const bool recorded_cached = c.json.at("generate_kwargs").value("use_cache", true);
  if (keeps || !recorded_cached || !differs_by_design(c, recorded.front().size())) return recorded;
  auto kwargs = c.json["generate_kwargs"];
  kwargs["use_cache"] = false;
  if (const auto uncached = recorded_with(c, kwargs)) return *uncached;
  skip("no uncached ids recorded");
}

Ids without_padding(Ids rows) {
  for (auto &row : rows)
    while (!row.empty() && row.back() == -1) row.pop_back();
  return rows;
}

/// Scores of beams, and where they come from. With groups transformers mixes the groups' indices up: only scores count.
void expect_beams(const GenerationResult &result, const Json &expected, bool groups) {
  if (!expected.contains("sequences_scores") || expected["sequences_scores"].is_null()) return;
  const auto want = expected["sequences_scores"].get<std::vector<float>>();
  if (want.size() != result.sequences_scores.size()) fail("other number of sequences_scores");
  for (size_t r = 0; r < want.size(); ++r)
    if (!(std::abs(result.sequences_scores[r] - want[r]) <= 1e-4f + 1e-4f * std::abs(want[r])))
      fail("sequences_scores[" + std::to_string(r) + "] is " + std::to_string(result.sequences_scores[r]) +
           ", not " + std::to_string(want[r]));
  if (groups || !expected.contains("beam_indices") || expected["beam_indices"].is_null()) return;
  if (without_padding(result.beam_indices) != without_padding(expected["beam_indices"].get<Ids>()))
    fail("beam_indices differ");
}

/// The cache holds the prefix already, as after an earlier call.
void feed_prefix(const Case &c, const Model &model, Cache &cache) {
  Driver(model, cache).feed(c.json.at("prefix_ids").get<Ids>(), {0}, {0, false});
}

/// Steps whose logits are those of the ids that are owed. Where a defect changes them later, the ids before it are compared, too.
int64_t comparable_steps(const Case &c, const Ids &want, int64_t prompt) {
  if (!c.json.contains("expected")) return records_defect(c) ? 0 : std::numeric_limits<int64_t>::max();
  const auto recorded = c.json["expected"]["sequences"].get<Ids>();
  if (recorded == want) return std::numeric_limits<int64_t>::max();
  const int64_t steps = records_defect(c) ? steps_before_defect(c) : 0;
  const auto begin = [&](const Ids &ids) {
    return std::vector(ids[0].begin(),
                       ids[0].begin() + std::min<int64_t>(prompt + steps, std::ssize(ids[0])));
  };
  if (steps > 0) expect_ids({begin(want)}, {begin(recorded)});
  return steps;
}

}  // namespace

void run_generate(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const auto options = generate_options(c);
  const auto prompt = prompt_of(c, model);
  const auto length = prompt.input_ids.empty() ? 1 : static_cast<int64_t>(prompt.input_ids.front().size());
  const auto rows = rows_of(prompt) * cache_rows_per_prompt(options.config);
  const int64_t longest = length_limit(options.config, length);
  auto cache = context.open(model, options.cache, rows, longest, {}, max_cross(prompt, model));

  if (c.json.contains("prefix_ids")) feed_prefix(c, model, cache);

  const bool quirk = c.json.contains("expected_no_cache");
  auto logits = quirk ? std::nullopt : recorder(c, {"logits", "step_logits"});
  auto scores = quirk ? std::nullopt : recorder(c, {"scores"});
  GenerationEvents events;
  if (logits) events.on_logits = std::ref(*logits);
  if (scores) events.on_scores = std::ref(*scores);
  GenerationResources resources;
  std::optional<Cache> of_assistant;
  if (c.json.contains("assistant_model")) {
    const Model &assistant =
        context.model(model_folder(c).parent_path() / c.json["assistant_model"].get<std::string>());
    of_assistant = context.open(assistant, "dynamic", 1, longest);
    resources.assistant = &assistant;
    resources.assistant_cache = &*of_assistant;
  }
  const auto result = generate(model, cache, prompt, options.config, events, resources);

  const auto uncached = [&] {
    auto none = context.open_named(model, "none", rows, longest);
    return generate(model, none, prompt, options.config).sequences;
  };
  const auto want = expected_ids(c, keeps_tokens(cache) && options.config.get(option::use_cache), uncached);
  expect_ids(result.sequences, want);
  if (c.json.contains("expected") && !quirk)  // scores of the recorded ids
    expect_beams(
        result, c.json["expected"],
        options.config.get(option::num_beams) > 1 && c.json["generate_kwargs"].contains("num_beam_groups"));
  const int64_t comparable = comparable_steps(c, want, length);
  if (logits) logits->compare({}, "logits", comparable);
  if (scores) scores->compare({}, "scores", comparable);
}

}  // namespace kvern::reference
