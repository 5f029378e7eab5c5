// Makes the last token before the length limit one of these.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<std::vector<int64_t>> kIds{
    {.name = "forced_eos_token_id",
     .range = {.min = 0},
     .help = "ids one of which is generated last where the length limit is reached",
     .source = "transformers"}};

class ForcedEos : public LogitsProcessor {
 public:
  ForcedEos(int64_t last, std::vector<int64_t> forced) : last_(last), forced_(std::move(forced)) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    return ids.size(1) == last_ ? only_ids(scores, forced_) : scores;
  }

 private:
  int64_t last_;
  std::vector<int64_t> forced_;
};

constexpr const OptionDeclaration *kOptions[] = {&kIds};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  auto forced = config.get(kIds);
  if (forced.empty()) return nullptr;
  return std::make_unique<ForcedEos>(context.length_limit - 1, std::move(forced));
}

}  // namespace

extern constinit const ProcessorEntry processor_forced_eos_token_id = {ProcessorOrder::forced_eos, kOptions,
                                                                       make};

}  // namespace kvern
