// Pre-tokenizers that cut at a pattern or at a class of characters.
#include "runtime/tokenizer/pre_tokenizers/kinds.hpp"
#include "runtime/tokenizer/text/unicode.hpp"

namespace kvern::tokenizer {
namespace {

// Cuts at every single character of a class.
template <class Test>
void split_at(Pieces &pieces, const Test &test, SplitBehavior behavior) {
  split_pieces(
      pieces, [&](std::string_view text) { return find_chars(text, test); }, behavior);
}

// Keeps the runs of characters of one class; class 0 is removed.
template <class ClassOf>
void keep_runs(Pieces &pieces, const ClassOf &class_of) {
  const auto find = [&](std::string_view text) {
    std::vector<Match> runs;
    int previous = -1;
    for (size_t position = 0; position < text.size();) {
      const size_t begin = position;
      const int found = class_of(next_char(text, position));
      if (found == previous)
        runs.back().end = position;
      else
        runs.push_back({begin, position, found == 0});
      previous = found;
    }
    return runs;
  };
  split_pieces(pieces, find, SplitBehavior::removed);
}

}  // namespace

SplitPreTokenizer::SplitPreTokenizer(const JsonNode &node)
    : pattern_(node.at("pattern")),
      behavior_(read_behavior(node)),
      invert_(node.boolean_or("invert", false)) {}

void SplitPreTokenizer::apply(Pieces &pieces) const {
  PatternSteps *const steps = pieces.empty() ? nullptr : pieces.front().steps;  // shared by all pieces
  const auto find = [this, steps](std::string_view text) {
    std::vector<Match> matches = pattern_.find_all(text, steps);
    for (Match &m : matches) m.hit = m.hit != invert_;
    return matches;
  };
  split_pieces(pieces, find, behavior_);
}

void DigitsPreTokenizer::apply(Pieces &pieces) const {
  split_at(pieces, is_numeric, individual_ ? SplitBehavior::isolated : SplitBehavior::contiguous);
}

PunctuationPreTokenizer::PunctuationPreTokenizer(const JsonNode &node) : behavior_(read_behavior(node)) {}

void PunctuationPreTokenizer::apply(Pieces &pieces) const { split_at(pieces, is_punctuation, behavior_); }

void DelimiterPreTokenizer::apply(Pieces &pieces) const {
  split_at(
      pieces, [this](char32_t c) { return c == delimiter_; }, SplitBehavior::removed);
}

void WhitespaceSplitPreTokenizer::apply(Pieces &pieces) const {
  split_at(pieces, is_white_space, SplitBehavior::removed);
}

void WhitespacePreTokenizer::apply(Pieces &pieces) const {
  keep_runs(pieces, [](char32_t c) { return is_word(c) ? 1 : is_white_space(c) ? 0 : 2; });
}

void BertPreTokenizer::apply(Pieces &pieces) const {
  split_at(pieces, is_white_space, SplitBehavior::removed);
  split_at(pieces, is_punctuation, SplitBehavior::isolated);
}

FixedLengthPreTokenizer::FixedLengthPreTokenizer(const JsonNode &node)
    : length_(static_cast<size_t>(node.integer_or("length", 1, INT32_MAX, 5))) {}

void FixedLengthPreTokenizer::apply(Pieces &pieces) const {
  const auto find = [this](std::string_view text) {
    std::vector<Match> chunks;
    for (size_t position = 0; position < text.size();) {
      const size_t begin = position;
      for (size_t i = 0; i < length_ && position < text.size(); ++i) next_char(text, position);
      chunks.push_back({begin, position, false});
    }
    return chunks;
  };
  split_pieces(pieces, find, SplitBehavior::isolated);
}

}  // namespace kvern::tokenizer
