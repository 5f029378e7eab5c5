#include "core/generation/scores.hpp"

#include <bit>
#include <sstream>

#include "core/generation/processors.hpp"

namespace kvern {
namespace {

/// Is there a finite score, and neither NaN nor +infinity?
bool can_choose(const float *scores, int64_t n) {
  uint32_t wrong = 0, finite = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(scores[i]), magnitude = bits & 0x7fffffffu;
    wrong |= static_cast<uint32_t>(magnitude > 0x7f800000u) | static_cast<uint32_t>(bits == 0x7f800000u);
    finite |= static_cast<uint32_t>(magnitude < 0x7f800000u);
  }
  return wrong == 0 && finite != 0;
}

struct SetOptions {
  std::string text;  ///< "temperature = 1e-45, top_k = 5"
  bool of_model = true;
};

/// The options of processors that are set, as far as they are numbers.
SetOptions set_options(const GenerationConfig &config) {
  SetOptions result;
  for (const ProcessorEntry *entry : processors())
    for (const OptionDeclaration *option : entry->options) {
      const OptionValue *value = config.find(*option);
      if (!value || !value->value) continue;
      std::ostringstream text;
      if (const auto *number = std::get_if<double>(&value->value->value)) text << *number;
      if (const auto *integer = std::get_if<int64_t>(&value->value->value)) text << *integer;
      if (text.str().empty()) continue;
      result.text += (result.text.empty() ? "" : ", ") + std::string(option->name) + " = " + text.str();
      result.of_model = result.of_model && value->source == OptionSource::model;
    }
  return result;
}

}  // namespace

Error no_token_error(const GenerationConfig &config) {
  const SetOptions options = set_options(config);
  const std::string with = options.text.empty() ? "" : " (" + options.text + ")";
  return Error(options.of_model && !options.text.empty() ? ErrorKind::model : ErrorKind::config,
               "the logits processors" + with +
                   " leave no token to choose: scores are NaN or infinite; use values nearer to 1, or fewer "
                   "of them");
}

void check_scores(const at::Tensor &scores, const Sequences &sequences, const GenerationConfig &config) {
  const auto rows = scores.contiguous();
  for (int64_t r = 0; r < rows.size(0); ++r)
    if (!sequences.ended(r) && !can_choose(rows.const_data_ptr<float>() + r * rows.size(1), rows.size(1)))
      throw no_token_error(config);
}

}  // namespace kvern
