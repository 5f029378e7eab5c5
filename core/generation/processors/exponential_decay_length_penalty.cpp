// Raises the scores of ids that end a sequence exponentially with its length.
#include <cmath>

#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

bool is_start_and_factor(const Option &value) {
  const auto *pair = std::get_if<OptionArray>(&value.value);
  if (pair == nullptr || pair->size() != 2) return false;
  const auto *start = std::get_if<int64_t>(&(*pair)[0].value);
  const auto &factor = (*pair)[1].value;
  return start != nullptr && *start >= 0 && *start < (int64_t{1} << 40) &&
         (std::holds_alternative<double>(factor) || std::holds_alternative<int64_t>(factor));
}

constexpr GenerationOption<std::optional<Option>> kPenalty{
    {.name = "exponential_decay_length_penalty",
     .help = "[n, factor]: raises the scores of eos_token_id by powers of factor behind n new tokens",
     .source = "transformers",
     .accepts = is_start_and_factor,
     .form = "a list [new tokens, factor]"}};

class ExponentialDecay : public LogitsProcessor {
 public:
  ExponentialDecay(int64_t start, double factor, std::vector<int64_t> eos)
      : start_(start), factor_(factor), eos_(std::move(eos)) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    const int64_t beyond = ids.size(1) - start_;
    if (beyond <= 0) return scores;
    const auto index = at::tensor(ids_within(eos_, scores.size(1)), at::kLong);
    const auto penalty = scores.index_select(1, index).abs() * (std::pow(factor_, beyond) - 1);
    return scores + at::zeros_like(scores).index_copy(1, index, penalty);
  }

 private:
  int64_t start_;
  double factor_;
  std::vector<int64_t> eos_;
};

constexpr const OptionDeclaration *kOptions[] = {&kPenalty};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const auto value = config.get(kPenalty);
  auto eos = config.get(option::eos_token_id);
  if (!value || eos.empty()) return nullptr;
  const auto &pair = std::get<OptionArray>(value->value);
  int64_t start = 0;
  double factor = 0;
  from_option(pair[0], start);
  from_option(pair[1], factor);
  return std::make_unique<ExponentialDecay>(start + context.prompt_length(), factor, std::move(eos));
}

}  // namespace

extern constinit const ProcessorEntry processor_exponential_decay_length_penalty = {
    ProcessorOrder::exponential_decay, kOptions, make};

}  // namespace kvern
