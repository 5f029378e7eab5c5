// The table of decoder types, and the one that holds others.
#include <kvern/error.hpp>
#include <utility>

#include "runtime/tokenizer/decoders/kinds.hpp"
#include "runtime/tokenizer/load/component.hpp"

namespace kvern::tokenizer {

std::unique_ptr<Decoder> make_decoder(const JsonNode &node) {
  using D = Decoder;
  static const Makers<D> makers{
      {"BPEDecoder", make<D, BpeDecoder>},      {"ByteFallback", make<D, ByteFallbackDecoder>},
      {"ByteLevel", make<D, ByteLevelDecoder>}, {"CTC", make<D, CtcDecoder>},
      {"Fuse", make<D, FuseDecoder>},           {"Metaspace", make<D, MetaspaceDecoder>},
      {"Replace", make<D, ReplaceDecoder>},     {"Sequence", make<D, SequenceDecoder>},
      {"Strip", make<D, StripDecoder>},         {"WordPiece", make<D, WordPieceDecoder>},
  };
  return make_component(node, makers);
}

SequenceDecoder::SequenceDecoder(const JsonNode &node) {
  for (const JsonNode &item : node.at("decoders").items()) steps_.push_back(make_decoder(item));
}

Tokens SequenceDecoder::apply(Tokens tokens) const {
  for (const auto &step : steps_) tokens = step->apply(std::move(tokens));
  return tokens;
}

void SequenceDecoder::apply_within(TokenText &token) const {
  for (const auto &step : steps_)
    if (!token.is_byte) step->apply_within(token);
}

void Decoder::apply_within(TokenText &) const {
  throw Error(ErrorKind::model,
              "tokenizer.json: decoder: what a token adds to the text depends on those around it, so that "
              "response_format "
              "cannot follow it");
}

}  // namespace kvern::tokenizer
