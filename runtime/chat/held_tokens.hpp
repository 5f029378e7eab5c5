// Which part of a conversation's next prompt its cache holds already.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/tokenizer/tokenizer.hpp"

namespace kvern::chat {

/// How many ids both begin with.
int64_t common_prefix(std::span<const int64_t> a, std::span<const int64_t> b);

/// The tokens of the sequence that a cache holds the beginning of, and their text. The model's own tokens stay as it chose
/// them, also where the tokenizer would divide their text otherwise.
class HeldTokens {
 public:
  void clear();
  /// A prompt, and what the model made of it.
  void assign(const Tokenizer &tokenizer, std::string prompt_text, std::vector<int64_t> prompt,
              std::span<const int64_t> made);

  /// The ids of `text`, which begins the next pass: those that are held as far as the text is theirs and what follows begins
  /// with an added token, which no other token can grow into; else those of the whole text.
  std::vector<int64_t> encode(const Tokenizer &tokenizer, const std::string &text) const;

  const std::vector<int64_t> &ids() const { return ids_; }

 private:
  std::vector<int64_t> ids_;
  std::string text_;
};

}  // namespace kvern::chat
