// The table of normalizer types, and the one that holds others.
#include "runtime/tokenizer/load/component.hpp"
#include "runtime/tokenizer/normalizers/kinds.hpp"

namespace kvern::tokenizer {

std::unique_ptr<Normalizer> make_normalizer(const JsonNode &node) {
  using N = Normalizer;
  static const Makers<N> makers{
      {"BertNormalizer", make<N, BertNormalizer>},
      {"ByteLevel", make<N, ByteLevelNormalizer>},
      {"Lowercase", make<N, LowercaseNormalizer>},
      {"NFC", make<N, UnicodeFormNormalizer<NormalForm::nfc>>},
      {"NFD", make<N, UnicodeFormNormalizer<NormalForm::nfd>>},
      {"NFKC", make<N, UnicodeFormNormalizer<NormalForm::nfkc>>},
      {"NFKD", make<N, UnicodeFormNormalizer<NormalForm::nfkd>>},
      {"Nmt", make<N, NmtNormalizer>},
      {"Precompiled", make<N, PrecompiledNormalizer>},
      {"Prepend", make<N, PrependNormalizer>},
      {"Replace", make<N, ReplaceNormalizer>},
      {"Sequence", make<N, SequenceNormalizer>},
      {"Strip", make<N, StripNormalizer>},
      {"StripAccents", make<N, StripAccentsNormalizer>},
  };
  return make_component(node, makers);
}

SequenceNormalizer::SequenceNormalizer(const JsonNode &node) {
  for (const JsonNode &item : node.at("normalizers").items()) steps_.push_back(make_normalizer(item));
}

void SequenceNormalizer::apply(Piece &piece) const {
  for (const auto &step : steps_) step->apply(piece);
}

}  // namespace kvern::tokenizer
