// The table of pre-tokenizer types, the one that holds others, and the field that several share.
#include "runtime/tokenizer/load/component.hpp"
#include "runtime/tokenizer/pre_tokenizers/kinds.hpp"

namespace kvern::tokenizer {

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode &node) {
  using P = PreTokenizer;
  static const Makers<P> makers{
      {"BertPreTokenizer", make<P, BertPreTokenizer>},
      {"ByteLevel", make<P, ByteLevelPreTokenizer>},
      {"CharDelimiterSplit", make<P, DelimiterPreTokenizer>},
      {"Digits", make<P, DigitsPreTokenizer>},
      {"FixedLength", make<P, FixedLengthPreTokenizer>},
      {"Metaspace", make<P, MetaspacePreTokenizer>},
      {"Punctuation", make<P, PunctuationPreTokenizer>},
      {"Sequence", make<P, SequencePreTokenizer>},
      {"Split", make<P, SplitPreTokenizer>},
      {"UnicodeScripts", make<P, UnicodeScriptsPreTokenizer>},
      {"Whitespace", make<P, WhitespacePreTokenizer>},
      {"WhitespaceSplit", make<P, WhitespaceSplitPreTokenizer>},
  };
  return make_component(node, makers);
}

SequencePreTokenizer::SequencePreTokenizer(const JsonNode &node) {
  for (const JsonNode &item : node.at("pretokenizers").items()) steps_.push_back(make_pre_tokenizer(item));
}

void SequencePreTokenizer::apply(Pieces &pieces) const {
  for (const auto &step : steps_) step->apply(pieces);
}

SplitBehavior read_behavior(const JsonNode &node) {
  const std::string name = node.string_or("behavior", "Isolated");
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  node.at("behavior")
      .fail("unknown behavior '" + name +
            "'; known are: Isolated, Removed, MergedWithPrevious, MergedWithNext, Contiguous");
}

}  // namespace kvern::tokenizer
