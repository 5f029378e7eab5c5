// Filters ids at the first step.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<std::vector<int64_t>> kIds{
    {.name = "begin_suppress_tokens", .help = "ids that are not generated first", .source = "transformers"}};

class BeginSuppressTokens : public LogitsProcessor {
 public:
  BeginSuppressTokens(int64_t begin, std::vector<int64_t> suppressed)
      : begin_(begin), suppressed_(std::move(suppressed)) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    return ids.size(1) == begin_ ? without_ids(scores, suppressed_) : scores;
  }

 private:
  int64_t begin_;
  std::vector<int64_t> suppressed_;
};

constexpr const OptionDeclaration *kOptions[] = {&kIds};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  auto suppressed = config.get(kIds);
  if (suppressed.empty()) return nullptr;
  const bool forced_first = context.prompt_length() == 1 && config.get(option::forced_bos_token_id);
  return std::make_unique<BeginSuppressTokens>(context.prompt_length() + forced_first, std::move(suppressed));
}

}  // namespace

extern constinit const ProcessorEntry processor_begin_suppress_tokens = {ProcessorOrder::begin_suppress,
                                                                         kOptions, make};

}  // namespace kvern
