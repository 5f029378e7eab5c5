// The `normalizer` of tokenizer.json: changes the text before it is cut.
#pragma once
#include <memory>

#include "runtime/tokenizer/load/json_node.hpp"
#include "runtime/tokenizer/piece.hpp"

namespace kvern::tokenizer {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// Changes piece.text; clears piece.at_start if what was the beginning is gone. Any thread.
  virtual void apply(Piece &piece) const = 0;
};

/// The component that `node` describes. Unknown types and wrong fields are an Error (model).
std::unique_ptr<Normalizer> make_normalizer(const JsonNode &node);

}  // namespace kvern::tokenizer
