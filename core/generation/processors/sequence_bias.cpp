// Adds a bias to the scores of tokens that complete a sequence of ids.
#include <algorithm>

#include "core/generation/processors.hpp"
#include "core/generation/sequence_bias.hpp"

namespace kvern {
namespace {

bool is_sequence_and_bias(const Option &value) {
  const auto *pair = std::get_if<OptionArray>(&value.value);
  if (pair == nullptr || pair->size() != 2 || !is_id_sequence((*pair)[0])) return false;
  const auto &bias = (*pair)[1].value;
  return std::holds_alternative<double>(bias) || std::holds_alternative<int64_t>(bias);
}

bool are_sequences_and_biases(const Option &value) {
  const auto *list = std::get_if<OptionArray>(&value.value);
  return list != nullptr && !list->empty() && std::all_of(list->begin(), list->end(), is_sequence_and_bias);
}

constexpr GenerationOption<std::optional<Option>> kBias{
    {.name = "sequence_bias",
     .help = "list of [ids, bias]: adds bias to the score of the token that completes ids",
     .source = "transformers",
     .accepts = are_sequences_and_biases,
     .form = "a list of [list of ids, bias]"}};

constexpr const OptionDeclaration *kOptions[] = {&kBias};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  const auto value = config.get(kBias);
  if (!value) return nullptr;
  std::vector<BiasedSequence> sequences;
  for (const Option &item : std::get<OptionArray>(value->value)) {
    const auto &pair = std::get<OptionArray>(item.value);
    BiasedSequence sequence;
    from_option(pair[0], sequence.ids);
    from_option(pair[1], sequence.bias);
    sequences.push_back(std::move(sequence));
  }
  return make_sequence_bias("sequence_bias", std::move(sequences));
}

}  // namespace

extern constinit const ProcessorEntry processor_sequence_bias = {ProcessorOrder::sequence_bias, kOptions,
                                                                 make};

}  // namespace kvern
