// sentencepiece's pre-tokenizer.
#include "runtime/tokenizer/pre_tokenizers/kinds.hpp"

namespace kvern::tokenizer {

MetaspacePreTokenizer::MetaspacePreTokenizer(const JsonNode &node)
    : scheme_(node.string_or("prepend_scheme", "always")), split_(node.boolean_or("split", true)) {
  append_char(replacement_, node.at("replacement").character());
  if (scheme_ != "always" && scheme_ != "first" && scheme_ != "never")
    node.at("prepend_scheme").fail("unknown scheme '" + scheme_ + "'; known are: always, first, never");
  if (node.boolean_or("add_prefix_space", true)) return;
  if (node.has("prepend_scheme") && scheme_ != "never")
    node.at("add_prefix_space").fail("false contradicts prepend_scheme '" + scheme_ + "'");
  scheme_ = "never";
}

void MetaspacePreTokenizer::apply(Pieces &pieces) const {
  for (Piece &piece : pieces) {
    if (piece.is_token()) continue;
    piece.text = replace_all(piece.text, " ", replacement_);
    const bool wanted = scheme_ == "always" || (scheme_ == "first" && piece.at_start);
    if (wanted && !piece.text.starts_with(replacement_)) piece.text.insert(0, replacement_);
  }
  if (!split_) return;
  split_pieces(
      pieces, [this](std::string_view text) { return find_literal(text, replacement_); },
      SplitBehavior::merged_with_next);
}

}  // namespace kvern::tokenizer
