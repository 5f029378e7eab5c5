// The table of model types; files of before "type" existed are told apart by their fields.
#include "runtime/tokenizer/load/component.hpp"
#include "runtime/tokenizer/models/bpe.hpp"
#include "runtime/tokenizer/models/unigram.hpp"
#include "runtime/tokenizer/models/word_models.hpp"

namespace kvern::tokenizer {

std::shared_ptr<const Model> make_model(const JsonNode &node) {
  using M = Model;
  static const Makers<M> makers{
      {"BPE", make<M, BpeModel>},
      {"Unigram", make<M, UnigramModel>},
      {"WordLevel", make<M, WordLevelModel>},
      {"WordPiece", make<M, WordPieceModel>},
  };
  if (node.has("type") || !node.has("vocab")) return make_component(node, makers);
  if (node.has("merges")) return std::make_shared<BpeModel>(node);
  if (node.at("vocab").json().is_array()) return std::make_shared<UnigramModel>(node);
  if (node.has("max_input_chars_per_word")) return std::make_shared<WordPieceModel>(node);
  return std::make_shared<WordLevelModel>(node);
}

}  // namespace kvern::tokenizer
