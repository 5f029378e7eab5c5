// Filters ids at every step.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<std::vector<int64_t>> kIds{
    {.name = "suppress_tokens", .help = "ids that are never generated", .source = "transformers"}};

class SuppressTokens : public LogitsProcessor {
 public:
  explicit SuppressTokens(std::vector<int64_t> suppressed) : suppressed_(std::move(suppressed)) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    return without_ids(scores, suppressed_);
  }

 private:
  std::vector<int64_t> suppressed_;
};

constexpr const OptionDeclaration *kOptions[] = {&kIds};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  auto suppressed = config.get(kIds);
  if (suppressed.empty()) return nullptr;
  return std::make_unique<SuppressTokens>(std::move(suppressed));
}

}  // namespace

extern constinit const ProcessorEntry processor_suppress_tokens = {ProcessorOrder::suppress, kOptions, make};

}  // namespace kvern
