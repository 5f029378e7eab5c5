#include "runtime/run/text_windows.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <kvern/model.hpp>

namespace kvern {
namespace {

/// What stands before `plain` in `whole`.
Ids prefix_of(const Ids &whole, const Ids &plain) {
  const auto at = std::search(whole.begin(), whole.end(), plain.begin(), plain.end());
  return at == whole.end() ? Ids() : Ids(whole.begin(), at);
}

}  // namespace

void require_context(const Model &model, int64_t context) {
  if (const int64_t most = model.info().max_positions; most > 0 && context > most)
    throw Error(ErrorKind::input, "--context " + std::to_string(context) + ": the model takes at most " +
                                      std::to_string(most) + " tokens");
}

std::vector<Ids> cut_windows(const Ids &prefix, const Ids &text, int64_t length, int64_t at_most) {
  const auto share = static_cast<size_t>(length) - std::min(prefix.size(), static_cast<size_t>(length));
  if (share == 0 || text.size() < share)
    throw Error(ErrorKind::input, "the text has " + std::to_string(text.size()) +
                                      " tokens, which do not fill one window of " + std::to_string(length) +
                                      " (with " + std::to_string(prefix.size()) +
                                      " special tokens before them)");
  std::vector<Ids> windows;
  for (size_t begin = 0; begin + share <= text.size(); begin += share) {
    if (at_most > 0 && windows.size() == static_cast<size_t>(at_most)) break;
    Ids window = prefix;
    const auto from = text.begin() + static_cast<int64_t>(begin);
    window.insert(window.end(), from, from + static_cast<int64_t>(share));
    windows.push_back(std::move(window));
  }
  return windows;
}

void end_with_passage(std::vector<Ids> &windows, int64_t n) {
  constexpr int64_t kMin = 8;
  for (Ids &window : windows) {
    const auto length = static_cast<int64_t>(window.size());
    if (n < kMin || n > length / 4)
      throw Error(ErrorKind::usage, "--recall " + std::to_string(n) + ": in windows of " +
                                        std::to_string(length) + " tokens it is from " +
                                        std::to_string(kMin) + " to " + std::to_string(length / 4));
    std::copy_n(window.begin() + (length - n) / 4, n, window.end() - n);
  }
}

std::vector<Ids> text_windows(const Tokenizer &tokenizer, const std::string &text, int64_t length,
                              int64_t at_most) {
  const Ids plain = tokenizer.encode_hf(text, /*add_special_tokens=*/false);
  return cut_windows(prefix_of(tokenizer.encode_hf(text, true), plain), plain, length, at_most);
}

}  // namespace kvern
