// The table of post-processor types, and the one that holds others.
#include <utility>

#include "runtime/tokenizer/load/component.hpp"
#include "runtime/tokenizer/post_processors/kinds.hpp"

namespace kvern::tokenizer {

std::unique_ptr<PostProcessor> make_post_processor(const JsonNode &node) {
  using P = PostProcessor;
  static const Makers<P> makers{
      {"BertProcessing", make<P, BertPostProcessor>},         {"ByteLevel", make<P, ByteLevelPostProcessor>},
      {"RobertaProcessing", make<P, RobertaPostProcessor>},   {"Sequence", make<P, SequencePostProcessor>},
      {"TemplateProcessing", make<P, TemplatePostProcessor>},
  };
  return make_component(node, makers);
}

SequencePostProcessor::SequencePostProcessor(const JsonNode &node) {
  for (const JsonNode &item : node.at("processors").items()) steps_.push_back(make_post_processor(item));
}

Encodings SequencePostProcessor::apply(Encodings encodings, bool add_special_tokens) const {
  for (const auto &step : steps_) encodings = step->apply(std::move(encodings), add_special_tokens);
  return encodings;
}

}  // namespace kvern::tokenizer
