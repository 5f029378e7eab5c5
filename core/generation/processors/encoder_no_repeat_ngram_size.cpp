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
  EncoderNoRepeatNgram(at::Tensor prompt, int64_t size) : prompt_(std::move(prompt)), size_(size) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    auto result = scores.clone();
    const int64_t copies = ids.size(0) / prompt_.size(0);
    for (int64_t r = 0; r < ids.size(0); ++r)
      filter_ngrams(result[r], ids_of_row(prompt_, r / copies), ids_of_row(ids, r), size_);
    return result;
  }

  void reorder(const std::vector<int64_t> &index) override {
    prompt_ = prompt_.index_select(0, at::tensor(index, at::kLong));
  }

 private:
  at::Tensor prompt_;
  int64_t size_;
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
