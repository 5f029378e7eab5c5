// Filters tokens that would complete an n-gram of the prompt.
#include "core/generation/processors.hpp"
#include "core/generation/ngrams.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<int64_t> kSize{
    {.name = "encoder_no_repeat_ngram_size",
     .default_value = int64_t{0},
     .range = {.min = 0},
     .help = "n-grams of this size that occur in the prompt do not occur behind it; 0 = off",
     .source = "transformers"}};

class EncoderNoRepeatNgram : public LogitsProcessor {
 public:
  EncoderNoRepeatNgram(const at::Tensor &prompt, int64_t size) {
    for (int64_t r = 0; r < prompt.size(0); ++r) {
      auto index = std::make_shared<NgramIndex>(size);
      for (const int64_t id : ids_of_row(prompt, r)) index->add(id);
      prompts_.push_back(std::move(index));
    }
  }
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    auto result = scores.clone(at::MemoryFormat::Contiguous);
    const int64_t copies = ids.size(0) / static_cast<int64_t>(prompts_.size());
    for (int64_t r = 0; r < ids.size(0); ++r) {
      auto *out = result.data_ptr<float>() + r * scores.size(1);
      prompts_[static_cast<size_t>(r / copies)]->completions(ids_of_row(ids, r), [&](int64_t id) {
        if (id >= 0 && id < scores.size(1)) out[id] = static_cast<float>(kFiltered);
      });
    }
    return result;
  }

  void reorder(const std::vector<int64_t> &index) override {
    const auto before = std::move(prompts_);
    prompts_.clear();
    for (const int64_t i : index) prompts_.push_back(before[static_cast<size_t>(i)]);
  }

 private:
  std::vector<std::shared_ptr<const NgramIndex>> prompts_;
};

constexpr const OptionDeclaration *kOptions[] = {&kSize};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  const int64_t size = config.get(kSize);
  if (size == 0) return nullptr;
  return std::make_unique<EncoderNoRepeatNgram>(context.source(), size);
}

}  // namespace

extern constinit const ProcessorEntry processor_encoder_no_repeat_ngram_size = {
    ProcessorOrder::encoder_no_repeat_ngram, kOptions, make};

}  // namespace kvern
