// Strip, Prepend and Replace: what happens at the ends of the text, or wherever a pattern matches.
#include <utility>

#include "runtime/tokenizer/normalizers/kinds.hpp"

namespace kvern::tokenizer {

StripNormalizer::StripNormalizer(const JsonNode &node)
    : left_(node.boolean_or("strip_left", true)), right_(node.boolean_or("strip_right", true)) {}

void StripNormalizer::apply(Piece &piece) const {
  std::string &text = piece.text;
  size_t begin = 0, end = text.size();
  while (left_ && begin < text.size()) {
    size_t next = begin;
    if (!is_white_space(next_char(text, next))) break;
    begin = next;
  }
  while (right_ && end > begin) {
    size_t previous = end;
    if (!is_white_space(previous_char(text, previous))) break;
    end = previous;
  }
  if (begin > 0) piece.at_start = false;
  text = text.substr(begin, end - begin);
}

void PrependNormalizer::apply(Piece &piece) const {
  if (piece.text.empty()) return;
  piece.check_size(prefix_.size() + piece.text.size());
  piece.text.insert(0, prefix_);
}

ReplaceNormalizer::ReplaceNormalizer(const JsonNode &node)
    : pattern_(node.at("pattern")), content_(node.at("content").string()) {}

void ReplaceNormalizer::apply(Piece &piece) const {
  std::string out;
  out.reserve(piece.text.size());
  for (const Match &m : pattern_.find_all(piece.text, piece.steps)) {
    const std::string_view stretch = std::string_view(piece.text).substr(m.begin, m.end - m.begin);
    piece.check_size(out.size() + (m.hit ? content_.size() : stretch.size()));
    out += m.hit ? std::string_view(content_) : stretch;
    // the replacement stands where the last replaced character stood
    if (m.hit && m.begin == 0 && (content_.empty() || count_chars(stretch) > 1)) piece.at_start = false;
  }
  piece.text = std::move(out);
}

}  // namespace kvern::tokenizer
