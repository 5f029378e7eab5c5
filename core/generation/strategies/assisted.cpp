// Assisted decoding: candidates are what a draft model generates with a cache of its own. Leviathan et al. 2023; transformers.
#include <algorithm>

#include "core/generation/speculative.hpp"
#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"
#include "kernels/elementwise.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<int64_t> kNumTokens{{.name = "num_assistant_tokens",
                                                .default_value = int64_t{20},
                                                .range = {.min = 1},
                                                .help = "tokens that a draft model proposes at once",
                                                .source = "transformers"}};

bool is_schedule(const Option &value) {
  const auto *text = std::get_if<std::string>(&value.value);
  return text != nullptr && (*text == "constant" || *text == "heuristic" || *text == "heuristic_transient");
}

constexpr GenerationOption<Option> kSchedule{
    {.name = "num_assistant_tokens_schedule",
     .default_value = std::string_view("constant"),
     .help = "constant; heuristic or heuristic_transient: 2 tokens more where all were right, else 1 less",
     .source = "transformers",
     .accepts = is_schedule,
     .form = "\"constant\", \"heuristic\" or \"heuristic_transient\""}};

constexpr GenerationOption<double> kThreshold{
    {.name = "assistant_confidence_threshold",
     .default_value = 0.4,
     .range = {.min = 0, .max = 1},
     .help = "a draft model proposes nothing behind a token of a lower probability; 0 = off",
     .source = "dynamic speculation: Mamou et al. 2024; transformers"}};

class Draft : public CandidateSource {
 public:
  explicit Draft(GenerationLoop &loop)
      : driver_(*loop.resources().assistant, *loop.resources().assistant_cache),
        padding_(loop.padding()),
        processors_(loop.processors_for({0}, nullptr)),
        eos_(loop.config().get(option::eos_token_id)),
        num_tokens_(loop.config().get(kNumTokens)),
        adapts_(std::get<std::string>(loop.config().get(kSchedule).value) != "constant"),
        threshold_(loop.config().get(kThreshold)) {}

  TokenCandidates next(const std::vector<int64_t> &ids, int64_t most,
                       const at::Generator *generator) override {
    TokenRows rows{ids};
    std::vector<at::Tensor> drawn_from;
    TokenCandidates result;
    for (bool sure = true; sure && static_cast<int64_t>(result.ids.size()) < std::min(num_tokens_, most);) {
      if (driver_.limit() >= 0 && static_cast<int64_t>(rows[0].size()) - padding_[0] > driver_.limit()) break;
      const at::Tensor scores = process(rows[0], driver_.feed(rows, padding_).logits.squeeze(1));
      const int64_t id = choose(scores, generator);
      rows[0].push_back(id);
      result.ids.push_back(id);
      if (generator != nullptr) drawn_from.push_back(scores);
      sure = std::find(eos_.begin(), eos_.end(), id) == eos_.end() && is_sure(scores, id);
    }
    if (!drawn_from.empty()) result.scores = at::cat(drawn_from);
    return result;
  }

  void update(const std::vector<int64_t> &ids, int64_t candidates, int64_t matches) override {
    const auto length = static_cast<int64_t>(ids.size()) - 1;
    driver_.truncate({length - padding_[0]});
    for (const auto &processor : processors_) processor->truncate(length);
    if (adapts_)
      num_tokens_ = matches == candidates ? num_tokens_ + 2 : std::max<int64_t>(1, num_tokens_ - 1);
  }

 private:
  at::Tensor process(const std::vector<int64_t> &ids, at::Tensor scores) const {
    const auto row = at::tensor(ids, at::kLong).unsqueeze(0);
    for (const auto &process : processors_) scores = (*process)(row, scores);
    return scores;
  }

  static int64_t choose(const at::Tensor &scores, const at::Generator *generator) {
    if (generator != nullptr)
      return at::multinomial(scores.softmax(-1), 1, false, *generator).item<int64_t>();
    return kernels::argmax(scores.contiguous().const_data_ptr<float>(), scores.numel());
  }

  bool is_sure(const at::Tensor &scores, int64_t id) const {
    return threshold_ == 0 || scores.softmax(-1)[0][id].item<double>() >= threshold_;
  }

  Driver driver_;
  std::vector<int64_t> padding_;
  LogitsProcessors processors_;
  std::vector<int64_t> eos_;
  int64_t num_tokens_;
  bool adapts_;
  double threshold_;
};

constexpr const OptionDeclaration *kOptions[] = {&kNumTokens, &kSchedule, &kThreshold};

bool applies(const GenerationConfig &, const GenerationResources &resources) {
  return resources.assistant != nullptr;
}

int64_t rows_per_prompt(const GenerationConfig &) { return 1; }

void check(const GenerationConfig &config) { check_speculative(config, "assistant_model"); }

void run(GenerationLoop &loop) {
  const int64_t of_draft = loop.resources().assistant->info().vocab_size;
  const int64_t of_model = loop.driver().model().info().vocab_size;
  if (of_draft != of_model)
    throw Error(ErrorKind::config, "assistant_model: its vocabulary has " + std::to_string(of_draft) +
                                       " ids, that of the model " + std::to_string(of_model) +
                                       "; a draft model needs the vocabulary of the model");
  Draft source(loop);
  run_speculative(loop, source);
}

}  // namespace

extern constinit const StrategyEntry strategy_assisted = {StrategyOrder::assisted, kOptions, applies,
                                                          rows_per_prompt,         run,      check};

}  // namespace kvern
