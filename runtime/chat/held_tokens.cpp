#include "runtime/chat/held_tokens.hpp"

#include <algorithm>

namespace kvern::chat {

int64_t common_prefix(std::span<const int64_t> a, std::span<const int64_t> b) {
  const size_t most = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first - a.begin();
}

void HeldTokens::clear() {
  ids_.clear();
  text_.clear();
}

void HeldTokens::assign(const Tokenizer &tokenizer, std::string prompt_text, std::vector<int64_t> prompt,
                        std::span<const int64_t> made) {
  text_ = std::move(prompt_text) + tokenizer.continuation(prompt, made, /*skip_special_tokens=*/false);
  ids_ = std::move(prompt);
  ids_.insert(ids_.end(), made.begin(), made.end());
}

std::vector<int64_t> HeldTokens::encode(const Tokenizer &tokenizer, const std::string &text) const {
  if (!ids_.empty() && text.size() > text_.size() && text.starts_with(text_)) {
    const auto rest =
        tokenizer.encode_hf(std::string_view(text).substr(text_.size()), /*add_special_tokens=*/false);
    if (!rest.empty() && tokenizer.is_added(rest.front())) {
      std::vector<int64_t> ids = ids_;
      ids.insert(ids.end(), rest.begin(), rest.end());
      return ids;
    }
  }
  return tokenizer.encode_hf(text, /*add_special_tokens=*/false);
}

}  // namespace kvern::chat
