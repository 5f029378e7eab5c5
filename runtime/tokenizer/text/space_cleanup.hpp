// The removal of spaces before punctuation and English contractions (clean_up_tokenization_spaces), for whole
// texts and for texts that arrive in parts.
#pragma once
#include <string>
#include <string_view>

namespace kvern::tokenizer {

/// transformers' PreTrainedTokenizerBase.clean_up_tokenization.
std::string clean_up_spaces(std::string_view text);
/// The same in the tokenizers library's WordPiece decoder, which makes "do not" "don't", too.
std::string clean_up_word_pieces(std::string_view text);

/// Cleans a text up that arrives in parts: what it has given, one behind the other, is clean_up_spaces of all
/// parts.
class SpaceCleanup {
 public:
  /// What can be given now: everything that no later part can change.
  std::string push(std::string_view part);
  /// The rest.
  std::string finish();

 private:
  std::string held_;
};

}  // namespace kvern::tokenizer
