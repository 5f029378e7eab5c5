// Filters tokens that would complete one of the given sequences of ids.
#include <algorithm>

#include "core/generation/processors.hpp"
#include "core/generation/sequence_bias.hpp"

namespace kvern {
namespace {

bool are_sequences(const Option &value) {
  const auto *list = std::get_if<OptionArray>(&value.value);
  return list != nullptr && !list->empty() && std::all_of(list->begin(), list->end(), is_id_sequence);
}

constexpr GenerationOption<std::optional<Option>> kBadWords{
    {.name = "bad_words_ids",
     .help = "list of sequences of ids that are not generated",
     .source = "transformers",
     .accepts = are_sequences,
     .form = "a list of lists of ids"}};

constexpr const OptionDeclaration *kOptions[] = {&kBadWords};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  const auto value = config.get(kBadWords);
  if (!value) return nullptr;
  const auto eos = config.get(option::eos_token_id);
  std::vector<BiasedSequence> sequences;
  for (const Option &item : std::get<OptionArray>(value->value)) {
    BiasedSequence sequence{{}, kFiltered};
    from_option(item, sequence.ids);
    // A word that is nothing but an id that ends a sequence stays allowed.
    const bool ends = sequence.ids.size() == 1 && std::count(eos.begin(), eos.end(), sequence.ids[0]) > 0;
    if (!ends) sequences.push_back(std::move(sequence));
  }
  return make_sequence_bias("bad_words_ids", std::move(sequences));
}

}  // namespace

extern constinit const ProcessorEntry processor_bad_words_ids = {ProcessorOrder::bad_words, kOptions, make};

}  // namespace kvern
