// The grammar of Whisper's timestamps (Radford et al. 2022): they come in pairs, never fall, one comes first, and one is taken
// where all of them together are likelier than any other token.
#include <algorithm>
#include <cmath>

#include "core/generation/processors.hpp"

namespace kvern {

extern constinit const GenerationOption<bool> option::return_timestamps{
    {.name = "return_timestamps",
     .default_value = false,
     .help = "speech models: generate timestamps between the words",
     .source = "Whisper"}};

namespace {

constexpr GenerationOption<std::optional<int64_t>> kNoTimestamps{
    {.name = "no_timestamps_token_id",
     .range = {.min = 0},
     .help = "speech models: the id before that of the first timestamp",
     .source = "Whisper"}};
constexpr GenerationOption<std::optional<int64_t>> kMaxInitial{
    {.name = "max_initial_timestamp_index",
     .range = {.min = 0},
     .help = "speech models: the latest timestamp that may come first",
     .source = "Whisper"}};

class WhisperTimestamps : public LogitsProcessor {
 public:
  WhisperTimestamps(int64_t prompt_length, int64_t no_timestamps, int64_t eos,
                    std::optional<int64_t> max_initial)
      : prompt_length_(prompt_length), first_(no_timestamps + 1), eos_(eos), max_initial_(max_initial) {}

  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    at::Tensor result = scores.clone();
    if (scores.size(1) <= first_)
      throw Error(ErrorKind::config,
                  "return_timestamps: the vocabulary has no ids behind no_timestamps_token_id");
    for (int64_t r = 0; r < ids.size(0); ++r) {
      float *row = result.mutable_data_ptr<float>() + r * scores.size(1);
      const int64_t *begin = ids.const_data_ptr<int64_t>() + r * ids.size(1);
      restrict(row, scores.size(1), {begin + prompt_length_, begin + ids.size(1)});
    }
    return result;
  }

 private:
  void restrict(float *scores, int64_t size, const std::vector<int64_t> &generated) const {
    const auto filter = [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < std::min(to, size); ++i) scores[i] = static_cast<float>(kFiltered);
    };
    filter(first_ - 1, first_);
    const size_t n = generated.size();
    const bool last = n >= 1 && generated[n - 1] >= first_, before = n < 2 || generated[n - 2] >= first_;
    if (last && before) filter(first_, size);
    if (last && !before) filter(0, eos_);
    const auto found =
        std::find_if(generated.rbegin(), generated.rend(), [&](int64_t id) { return id >= first_; });
    if (found != generated.rend()) filter(first_, last && !before ? *found : *found + 1);
    if (n == 0) filter(0, first_);
    if (n == 0 && max_initial_) filter(first_ + *max_initial_ + 1, size);
    if (timestamps_are_likelier(scores, size)) filter(0, first_);
  }

  bool timestamps_are_likelier(const float *scores, int64_t size) const {
    const float text = *std::max_element(scores, scores + first_);
    const float most = *std::max_element(scores + first_, scores + size);
    if (most == static_cast<float>(kFiltered)) return false;
    double sum = 0;
    for (int64_t i = first_; i < size; ++i) sum += std::exp(static_cast<double>(scores[i]) - most);
    return most + std::log(sum) > text;
  }

  int64_t prompt_length_, first_, eos_;
  std::optional<int64_t> max_initial_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::return_timestamps, &kNoTimestamps, &kMaxInitial};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  if (!config.get(option::return_timestamps)) return nullptr;
  const auto no_timestamps = config.get(kNoTimestamps);
  if (!no_timestamps)
    throw Error(ErrorKind::config,
                "return_timestamps: needs no_timestamps_token_id, which speech models have");
  const auto eos = config.get(option::eos_token_id);
  return std::make_unique<WhisperTimestamps>(context.prompt_length(), *no_timestamps,
                                             eos.empty() ? *no_timestamps + 1 : eos.front(),
                                             config.get(kMaxInitial));
}

}  // namespace

extern constinit const ProcessorEntry processor_whisper_timestamps = {ProcessorOrder::timestamps, kOptions,
                                                                      make};

}  // namespace kvern
