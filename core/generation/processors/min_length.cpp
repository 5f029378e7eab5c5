// Filters ids that end a sequence below a length, prompt included.
#include "core/generation/processors.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<int64_t> kMinLength{{.name = "min_length",
                                                .default_value = int64_t{0},
                                                .range = {.min = 0},
                                                .help = "no eos_token_id below this length, prompt included",
                                                .source = "transformers"}};

class MinLength : public LogitsProcessor {
 public:
  MinLength(int64_t length, std::vector<int64_t> eos) : length_(length), eos_(std::move(eos)) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    return ids.size(1) < length_ ? without_ids(scores, eos_) : scores;
  }

 private:
  int64_t length_;
  std::vector<int64_t> eos_;
};

constexpr const OptionDeclaration *kOptions[] = {&kMinLength};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  const int64_t length = config.get(kMinLength);
  auto eos = config.get(option::eos_token_id);
  if (length == 0 || eos.empty()) return nullptr;
  return std::make_unique<MinLength>(length, std::move(eos));
}

}  // namespace

extern constinit const ProcessorEntry processor_min_length = {ProcessorOrder::min_length, kOptions, make};

}  // namespace kvern
