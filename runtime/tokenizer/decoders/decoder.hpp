// The `decoder` of tokenizer.json: turns tokens back into readable text.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/tokenizer/load/json_node.hpp"

namespace kvern::tokenizer {

using Tokens = std::vector<std::string>;

class Decoder {
 public:
  virtual ~Decoder() = default;
  /// A list of texts; what the last decoder leaves is joined without anything between. Any thread.
  virtual Tokens apply(Tokens tokens) const = 0;
};

/// The component that `node` describes. Unknown types and wrong fields are an Error (model).
std::unique_ptr<Decoder> make_decoder(const JsonNode &node);

}  // namespace kvern::tokenizer
