// The `pre_tokenizer` of tokenizer.json: cuts the text into the pieces that the model sees one at a time.
#pragma once
#include <memory>

#include "runtime/tokenizer/load/json_node.hpp"
#include "runtime/tokenizer/piece.hpp"

namespace kvern::tokenizer {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Cuts and changes the pieces that are no tokens; none is empty afterwards. Any thread.
  virtual void apply(Pieces &pieces) const = 0;
};

/// The component that `node` describes. Unknown types and wrong fields are an Error (model).
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode &node);

}  // namespace kvern::tokenizer
