// Classifier-free guidance: moves scores away from those that the model gives without the prompt. Sanchez et al. 2023.
#include <optional>

#include "core/generation/driver.hpp"
#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"

namespace kvern {

extern constinit const GenerationOption<std::optional<double>> option::guidance_scale{
    {.name = "guidance_scale",
     .help = "above 1: moves scores away from those without the prompt; 1 = off",
     .source = "classifier-free guidance: Sanchez et al. 2023"}};

namespace {

constexpr GenerationOption<std::vector<int64_t>> kNegative{
    {.name = "negative_prompt_ids",
     .range = {.min = 0},
     .help = "prompt that guidance_scale moves away from; without it the last token of the prompt",
     .source = "transformers"}};

/// Sequences without the prompt have a cache of their own.
class Guidance : public LogitsProcessor {
 public:
  Guidance(double scale, TokenRows begin, const ProcessorContext &context)
      : scale_(scale),
        prompt_length_(context.prompt_length()),
        begin_(std::move(begin)),
        cache_(context.cache->empty_like()),
        driver_(std::make_unique<Driver>(*context.model, cache_)) {}

  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    const auto conditional = scores.log_softmax(-1), without = unconditional(ids).log_softmax(-1);
    return (conditional - without) * scale_ + without;
  }
  void reorder(const std::vector<int64_t> &index) override {
    driver_->reorder(index);
    TokenRows begin;
    for (const int64_t i : index) begin.push_back(begin_[static_cast<size_t>(i)]);
    begin_ = std::move(begin);
  }

 private:
  at::Tensor unconditional(const at::Tensor &ids) const {
    TokenRows rows = begin_;
    for (size_t r = 0; r < rows.size(); ++r) {
      const auto *row = ids.const_data_ptr<int64_t>() + static_cast<int64_t>(r) * ids.size(1);
      rows[r].insert(rows[r].end(), row + prompt_length_, row + ids.size(1));
    }
    return driver_->feed(rows, std::vector<int64_t>(rows.size(), 0)).logits.squeeze(1);
  }

  double scale_;
  int64_t prompt_length_;
  TokenRows begin_;
  Cache cache_;
  std::unique_ptr<Driver> driver_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::guidance_scale, &kNegative};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const double scale = config.get(option::guidance_scale).value_or(1.0);
  if (scale == 1.0 || context.model == nullptr || context.cache == nullptr) return nullptr;
  if (context.model->info().encoder != EncoderKind::none)
    throw Error(ErrorKind::config,
                "guidance_scale: must be 1 (off) for '" + context.model->info().model_type +
                    "', which has an encoder: it has no scores without the encoder's input");
  const auto negative = config.get(kNegative);
  if (ids_within(negative, context.model->info().vocab_size).size() != negative.size())
    throw Error(ErrorKind::config, "negative_prompt_ids: an id is outside the vocabulary: ids go from 0 to " +
                                       std::to_string(context.model->info().vocab_size - 1));
  TokenRows begin;
  for (int64_t r = 0; r < context.prompt.size(0); ++r)
    begin.push_back(negative.empty() ? std::vector<int64_t>{context.prompt[r][-1].item<int64_t>()}
                                     : negative);
  return std::make_unique<Guidance>(scale, std::move(begin), context);
}

}  // namespace

extern constinit const ProcessorEntry processor_guidance_scale = {ProcessorOrder::guidance, kOptions, make};

}  // namespace kvern
