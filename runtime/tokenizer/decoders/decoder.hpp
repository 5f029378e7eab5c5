// The `decoder` of tokenizer.json: turns tokens back into readable text.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/tokenizer/load/json_node.hpp"

namespace kvern::tokenizer {

using Tokens = std::vector<std::string>;

/// A token on its way to the bytes that it adds to a text.
struct TokenText {
  std::string text;
  bool is_byte = false;  ///< one byte, which no further step changes
  bool joined = false;   ///< further steps see the whole text, not the token
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  /// A list of texts; what the last decoder leaves is joined without anything between. Any thread.
  virtual Tokens apply(Tokens tokens) const = 0;
  /// What a token adds where others stand before and behind it. Throws Error(model) where that depends on them.
  virtual void apply_within(TokenText &token) const;
};

/// The component that `node` describes. Unknown types and wrong fields are an Error (model).
std::unique_ptr<Decoder> make_decoder(const JsonNode &node);

}  // namespace kvern::tokenizer
