// Filters ids that end a sequence before so many new tokens.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<std::optional<int64_t>> kMinNewTokens{
    {.name = "min_new_tokens",
     .range = {.min = 0},
     .help = "no eos_token_id before so many new tokens",
     .source = "transformers"}};

class MinNewTokens : public LogitsProcessor {
 public:
  MinNewTokens(int64_t prompt_length, int64_t count, std::vector<int64_t> eos)
      : prompt_length_(prompt_length), count_(count), eos_(std::move(eos)) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    return ids.size(1) - prompt_length_ < count_ ? without_ids(scores, eos_) : scores;
  }

 private:
  int64_t prompt_length_;
  int64_t count_;
  std::vector<int64_t> eos_;
};

constexpr const OptionDeclaration *kOptions[] = {&kMinNewTokens};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const int64_t count = config.get(kMinNewTokens).value_or(0);
  auto eos = config.get(option::eos_token_id);
  if (count == 0 || eos.empty()) return nullptr;
  return std::make_unique<MinNewTokens>(context.prompt_length(), count, std::move(eos));
}

}  // namespace

extern constinit const ProcessorEntry processor_min_new_tokens = {ProcessorOrder::min_new_tokens, kOptions,
                                                                  make};

}  // namespace kvern
