// Makes the second token of a sequence (the first behind a prompt of one) this one.
#include "core/generation/processors.hpp"

namespace kvern {

extern constinit const GenerationOption<std::optional<int64_t>> option::forced_bos_token_id{
    {.name = "forced_bos_token_id",
     .range = {.min = 0},
     .help = "the token that follows a prompt of one",
     .source = "transformers"}};

namespace {

class ForcedBos : public LogitsProcessor {
 public:
  explicit ForcedBos(int64_t forced) : forced_(forced) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    return ids.size(1) == 1 ? only_ids(scores, {forced_}) : scores;
  }

 private:
  int64_t forced_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::forced_bos_token_id};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  const auto forced = config.get(option::forced_bos_token_id);
  if (!forced) return nullptr;
  return std::make_unique<ForcedBos>(*forced);
}

}  // namespace

extern constinit const ProcessorEntry processor_forced_bos_token_id = {ProcessorOrder::forced_bos, kOptions,
                                                                       make};

}  // namespace kvern
