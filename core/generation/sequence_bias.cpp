#include "core/generation/sequence_bias.hpp"

#include <algorithm>

#include "core/generation/ngrams.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

class SequenceBias : public LogitsProcessor {
 public:
  SequenceBias(std::string option, std::vector<BiasedSequence> sequences)
      : option_(std::move(option)), sequences_(std::move(sequences)) {
    // single ids first: they are summed apart from the longer sequences
    std::stable_partition(sequences_.begin(), sequences_.end(),
                          [](const auto &s) { return s.ids.size() == 1; });
  }

  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    check_vocabulary(scores.size(1));
    const auto bias = at::zeros_like(scores, at::MemoryFormat::Contiguous);
    for (int64_t r = 0; r < scores.size(0); ++r)
      add(ids_of_row(ids, r), bias.data_ptr<float>() + r * scores.size(1));
    return scores + bias;
  }

 private:
  void check_vocabulary(int64_t size) const {
    for (const auto &sequence : sequences_)
      for (const int64_t id : sequence.ids)
        if (id >= size)
          throw Error(ErrorKind::config, option_ + ": id " + std::to_string(id) +
                                             " is outside the vocabulary: ids go from 0 to " +
                                             std::to_string(size - 1));
  }

  void add(std::span<const int64_t> row, float *bias) const {
    for (const auto &[ids, value] : sequences_) {
      const size_t n = ids.size() - 1;
      if (ids.size() > 1 && ids.size() > row.size()) continue;
      if (std::equal(ids.begin(), ids.end() - 1, row.end() - static_cast<int64_t>(n)))
        bias[ids.back()] += static_cast<float>(value);
    }
  }

  std::string option_;
  std::vector<BiasedSequence> sequences_;
};

}  // namespace

bool is_id_sequence(const Option &value) {
  const auto *list = std::get_if<OptionArray>(&value.value);
  return list != nullptr && !list->empty() && std::all_of(list->begin(), list->end(), [](const Option &item) {
           const auto *id = std::get_if<int64_t>(&item.value);
           return id != nullptr && *id >= 0;
         });
}

std::unique_ptr<LogitsProcessor> make_sequence_bias(std::string option,
                                                    std::vector<BiasedSequence> sequences) {
  std::vector<BiasedSequence> different;
  for (auto &sequence : sequences) {
    const auto same = std::find_if(different.begin(), different.end(),
                                   [&](const auto &other) { return other.ids == sequence.ids; });
    if (same == different.end())
      different.push_back(std::move(sequence));
    else
      same->bias = sequence.bias;
  }
  if (different.empty()) return nullptr;
  return std::make_unique<SequenceBias>(std::move(option), std::move(different));
}

}  // namespace kvern
