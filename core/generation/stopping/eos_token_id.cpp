// Ends a row at an end-of-sequence id.
#include <algorithm>

#include "core/generation/stopping.hpp"

namespace kvern {

extern constinit const GenerationOption<std::vector<int64_t>> option::eos_token_id{
    {.name = "eos_token_id",
     .range = {.min = 0},
     .help = "ids that end a sequence; []: none does",
     .source = "transformers"}};

namespace {

class EndsAtEos : public StoppingRule {
 public:
  explicit EndsAtEos(std::vector<int64_t> eos) : StoppingRule(FinishReason::stop), eos_(std::move(eos)) {}
  bool ends(std::span<const int64_t> ids) const override {
    return std::find(eos_.begin(), eos_.end(), ids.back()) != eos_.end();
  }

 private:
  std::vector<int64_t> eos_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::eos_token_id};

std::unique_ptr<StoppingRule> make(const GenerationConfig &config, const StoppingContext &) {
  auto eos = config.get(option::eos_token_id);
  if (eos.empty()) return nullptr;
  return std::make_unique<EndsAtEos>(std::move(eos));
}

}  // namespace

extern constinit const StoppingEntry stopping_eos_token_id = {kOptions, make};

}  // namespace kvern
