// Cuts where the script changes, as sentencepiece does in training: kana counts as Han, spaces belong to any
// script.
#include "runtime/tokenizer/pre_tokenizers/kinds.hpp"
#include "runtime/tokenizer/text/unicode.hpp"

namespace kvern::tokenizer {
namespace {

int script_for_splitting(char32_t c) {
  constexpr char32_t kProlongedSoundMark = 0x30FC;
  if (c == kProlongedSoundMark) return han_script();
  if (c == ' ') return kAnyScript;
  const int script = script_of(c);
  return is_kana_script(script) ? han_script() : script;
}

// Stretches of one script; what precedes the first character with a script belongs to none, and is dropped.
std::vector<Match> find_stretches(std::string_view text) {
  std::vector<Match> stretches;
  int last = kAnyScript;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const int script = script_for_splitting(next_char(text, position));
    if (script != kAnyScript && script != last) {
      if (!stretches.empty()) stretches.back().end = begin;
      stretches.push_back({begin, text.size(), false});
      last = script;
    }
  }
  return stretches;
}

}  // namespace

void UnicodeScriptsPreTokenizer::apply(Pieces &pieces) const {
  split_pieces(pieces, find_stretches, SplitBehavior::isolated);
}

}  // namespace kvern::tokenizer
