// A text cut into windows of equal length, to score a model on.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/tokenizer/tokenizer.hpp"

namespace kvern {

using Ids = std::vector<int64_t>;
class Model;

/// Throws Error(input) where the model takes fewer than `context` tokens, the length of a window (--context).
void require_context(const Model &model, int64_t context);

/// Consecutive windows of `length` tokens, at most `at_most` of them (0: all that are whole). Each begins with the special
/// tokens that the tokenizer puts before a text; a rest that fills no window is left out. Throws Error(input) where the text
/// fills none.
std::vector<Ids> text_windows(const Tokenizer &tokenizer, const std::string &text, int64_t length,
                              int64_t at_most);

/// The same for a text that is ids already: `prefix` goes before each window's share of `text`.
std::vector<Ids> cut_windows(const Ids &prefix, const Ids &text, int64_t length, int64_t at_most);

/// Each window ends with a question about itself: its last n tokens become a passage that it has had, from a quarter of the rest
/// on. Throws Error(usage) unless 8 <= n <= a quarter of a window.
void end_with_passage(std::vector<Ids> &windows, int64_t n);

}  // namespace kvern
