// Cases that call generate(): ids token for token, and the logits and scores of the first steps.
#include <cmath>
#include <fstream>
#include <kvern/generation.hpp>

#include "core/generation/driver.hpp"
#include "runtime/models/load.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/encoder_input.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"

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

/// The ids of the full cache, where the case records a cache class whose output differs by a defect.
Ids ids_without_defect(const Case &c) {
  auto kwargs = c.json.at("generate_kwargs");
  kwargs.erase("cache_implementation");
  if (const auto full = recorded_with(c, kwargs)) return *full;
  skip("records a defect of transformers");
}

/// What this cache is to be compared with. `keeps`: the cache holds tokens between steps.
Ids expected_ids(const Case &c, bool keeps) {
  if (c.json.contains("expected_no_cache")) return c.json["expected_no_cache"]["sequences"].get<Ids>();
  if (!c.json.contains("expected")) skip("no output recorded");
  if (c.json.value("quirk", Json()) == true && !c.json.value("same_output_as_dynamic_cache", true))
    return ids_without_defect(c);
  const auto recorded = c.json["expected"]["sequences"].get<Ids>();
  const bool recorded_cached = c.json.at("generate_kwargs").value("use_cache", true);
  if (keeps || !recorded_cached || !differs_by_design(c, recorded.front().size())) return recorded;
  auto kwargs = c.json["generate_kwargs"];
  kwargs["use_cache"] = false;
  if (const auto uncached = recorded_with(c, kwargs)) return *uncached;
  skip("no uncached ids recorded");
}

/// Logits or scores of the first steps, as far as the case has them: [steps, rows, V].
class Recorder {
 public:
  explicit Recorder(at::Tensor want) : want_(std::move(want)) {}
  void operator()(int64_t step, const at::Tensor &got) {
    if (step == 0) rows_ = got.size(0);
    // Rows that have ended may be dropped; transformers goes on computing them.
    if (step < want_.size(0) && got.size(0) == rows_) got_.push_back(got.slice(0, 0, want_.size(1)).clone());
  }
  void compare(Tolerance tolerance, const std::string &what) const {
    const auto n = static_cast<int64_t>(got_.size());
    if (n == 0) return;
    auto got = at::stack(got_);
    auto want = want_.slice(0, 0, n);
    // What a processor filtered out is -inf in both.
    const auto filtered = want.isinf();
    if (!got.isinf().equal(filtered)) fail(what + ": other tokens were filtered out");
    expect_close(got.masked_fill(filtered, 0), want.masked_fill(filtered, 0), tolerance, what);
  }

 private:
  at::Tensor want_;
  std::vector<at::Tensor> got_;
  int64_t rows_ = 0;
};

std::optional<Recorder> recorder(const Case &c, const std::vector<std::string> &names) {
  auto file = c.file;
  if (!std::filesystem::exists(file.replace_extension(".safetensors"))) return {};
  const auto tensors = sidecar(c);
  for (const auto &name : names)
    if (tensors.contains(name)) return Recorder(load(tensors, name));
  return {};
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

  const auto want = expected_ids(c, keeps_tokens(cache) && options.config.get(option::use_cache));
  expect_ids(result.sequences, want);
  if (c.json.contains("expected") && !quirk)  // scores of the recorded ids
    expect_beams(
        result, c.json["expected"],
        options.config.get(option::num_beams) > 1 && c.json["generate_kwargs"].contains("num_beam_groups"));
  const bool own = !c.json.contains("expected") || c.json["expected"]["sequences"].get<Ids>() == want;
  if (logits && own) logits->compare({}, "logits");
  if (scores && own) scores->compare({}, "scores");
}

}  // namespace kvern::reference
