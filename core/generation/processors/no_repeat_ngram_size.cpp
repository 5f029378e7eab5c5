// Filters tokens that would complete an n-gram a second time. Paulus et al. 2017; fairseq.
#include "core/generation/processors.hpp"
#include "core/generation/ngrams.hpp"
#include "core/generation/row_states.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<int64_t> kSize{{.name = "no_repeat_ngram_size",
                                           .default_value = int64_t{0},
                                           .range = {.min = 0},
                                           .help = "n-grams of this size occur once only; 0 = off",
                                           .source = "Paulus et al. 2017"}};

class NoRepeatNgram : public LogitsProcessor {
 public:
  explicit NoRepeatNgram(int64_t size) : rows_(NgramIndex(size)) {}
  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    auto result = scores.clone(at::MemoryFormat::Contiguous);
    for (int64_t r = 0; r < ids.size(0); ++r) {
      const auto row = ids_of_row(ids, r);
      auto *out = result.data_ptr<float>() + r * scores.size(1);
      rows_.of(r, ids.size(0), row).completions(row, [&](int64_t id) {
        if (id >= 0 && id < scores.size(1)) out[id] = static_cast<float>(kFiltered);
      });
    }
    return result;
  }
  void reorder(const std::vector<int64_t> &index) override { rows_.reorder(index); }
  void truncate(int64_t length) override { rows_.truncate(length); }

 private:
  mutable RowStates<NgramIndex> rows_;
};

constexpr const OptionDeclaration *kOptions[] = {&kSize};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  const int64_t size = config.get(kSize);
  if (size == 0) return nullptr;
  return std::make_unique<NoRepeatNgram>(size);
}

}  // namespace

extern constinit const ProcessorEntry processor_no_repeat_ngram_size = {ProcessorOrder::no_repeat_ngram,
                                                                        kOptions, make};

}  // namespace kvern
