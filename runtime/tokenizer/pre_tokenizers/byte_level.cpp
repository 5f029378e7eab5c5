// GPT-2's pre-tokenizer.
#include "runtime/tokenizer/pre_tokenizers/kinds.hpp"
#include "runtime/tokenizer/text/byte_alphabet.hpp"

namespace kvern::tokenizer {
namespace {

const Regex &gpt2_words() {
  static const Regex words(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)");
  return words;
}

}  // namespace

ByteLevelPreTokenizer::ByteLevelPreTokenizer(const JsonNode &node)
    : add_prefix_space_(node.boolean_or("add_prefix_space", true)),
      use_regex_(node.boolean_or("use_regex", true)) {}

void ByteLevelPreTokenizer::apply(Pieces &pieces) const {
  for (Piece &piece : pieces)
    if (add_prefix_space_ && !piece.is_token() && piece.text.front() != ' ') piece.text.insert(0, 1, ' ');
  PatternSteps *const steps = pieces.empty() ? nullptr : pieces.front().steps;  // shared by all pieces
  const auto find = [&](std::string_view text) {
    return steps ? gpt2_words().find_all(text, *steps) : gpt2_words().find_all(text);
  };
  if (use_regex_) split_pieces(pieces, find, SplitBehavior::isolated);
  for (Piece &piece : pieces)
    if (!piece.is_token()) piece.text = bytes_to_alphabet(piece.text);
}

}  // namespace kvern::tokenizer
