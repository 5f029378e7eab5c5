// Leftmost, longest matches; first in the raw text, then, between what was found, in the normalized text.
#include "runtime/tokenizer/added_tokens.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <utility>

#include "runtime/tokenizer/text/unicode.hpp"

namespace kvern::tokenizer {
namespace {

constexpr size_t kMaxGrowth = 100;  // of a text by normalization

bool touches_word(std::string_view text, size_t begin, size_t end) {
  size_t before = begin, after = end;
  return (begin > 0 && is_word(previous_char(text, before))) ||
         (end < text.size() && is_word(next_char(text, after)));
}

size_t skip_spaces_left(std::string_view text, size_t begin, size_t least) {
  while (begin > least) {
    size_t previous = begin;
    if (!is_white_space(previous_char(text, previous))) break;
    begin = previous;
  }
  return begin;
}

// The end of the spaces from a place on. Places in spaces that were skipped before are not looked at again: a token that
// is itself a space would make that quadratic.
class SpacesRight {
 public:
  size_t skip(std::string_view text, size_t begin) {
    if (begin >= begin_ && begin <= end_) return end_;
    begin_ = end_ = begin;
    while (end_ < text.size()) {
      size_t next = end_;
      if (!is_white_space(next_char(text, next))) break;
      end_ = next;
    }
    return end_;
  }

 private:
  size_t begin_ = 1, end_ = 0;
};

}  // namespace

AddedToken read_added_token(const JsonNode &node) {
  AddedToken token;
  token.content = node.at("content").string();
  token.single_word = node.boolean_or("single_word", false);
  token.lstrip = node.boolean_or("lstrip", false);
  token.rstrip = node.boolean_or("rstrip", false);
  token.special = node.boolean_or("special", false);
  token.normalized = node.boolean_or("normalized", !token.special);
  return token;
}

void AddedTokens::TokenSet::insert(std::string_view text, uint32_t id) {
  if (text.empty() && !empty) empty = id;
  trie.insert(text, id);
}

std::optional<Trie::Hit> AddedTokens::TokenSet::find(std::string_view text, size_t position,
                                                     TrieSteps &steps) const {
  size_t walked = 0;
  const auto hit = trie.longest_prefix(text.substr(position), walked);
  steps.take(walked);
  if (hit || !empty) return hit;
  return Trie::Hit{0, *empty};
}

AddedTokens::AddedTokens(const JsonNode &node, const Model &model, const Normalizer *normalizer,
                         const AddedTokenChanges &changes)
    : model_(model), normalizer_(normalizer), split_special_tokens_(changes.split_special_tokens) {
  std::vector<AddedToken> tokens;
  for (const JsonNode &item : node.items()) tokens.push_back(read_added_token(item));
  add_all(tokens);
  add_all(changes.more);
  index();
}

void AddedTokens::add_all(const std::vector<AddedToken> &tokens) {
  for (const AddedToken &token : tokens)
    if (token.special && !token.content.empty() && special_.insert(token.content).second)
      order_special_.push_back(token);
  for (const AddedToken &token : tokens)
    if (!token.content.empty()) add(token);
}

int64_t AddedTokens::next_id() const {
  const auto model_size = static_cast<int64_t>(model_.size());
  return highest_id_ >= model_size || (highest_id_ >= 0 && model_size == 0) ? highest_id_ + 1 : model_size;
}

void AddedTokens::add(const AddedToken &token) {
  const auto known = id_of(token.content);
  if (known) {
    const auto same = tokens_.find(*known);
    if (same != tokens_.end() && same->second == token) return;
  }
  auto id = known ? known : model_.id_of(token.content);
  if (!id) {
    id = next_id();
    ++beyond_model_;
  }
  if (*id > kMaxId)
    throw Error(ErrorKind::model, "tokenizer.json: added_tokens: no id is left for '" + token.content + "'");
  highest_id_ = std::max(highest_id_, *id);
  ids_[token.content] = *id;
  tokens_[*id] = token;
  if (!is_special(token.content)) order_.push_back(token);
}

void AddedTokens::index() {
  for (const auto *order : {&order_special_, &order_}) {
    for (const AddedToken &token : *order) {
      Piece piece{token.content};
      if (token.normalized && normalizer_) normalizer_->apply(piece);
      (token.normalized ? normalized_ : raw_)
          .insert(piece.text, static_cast<uint32_t>(*id_of(token.content)));
    }
  }
}

std::optional<int64_t> AddedTokens::id_of(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

const std::string *AddedTokens::token_of(int64_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : &found->second.content;
}

void AddedTokens::cut_piece(Piece &piece, const TokenSet &set, Pieces &out, TrieSteps &steps) const {
  const std::string_view text = piece.text;
  size_t covered = 0;
  const auto give = [&](size_t begin, size_t end, int64_t id) {
    if (begin < end)
      out.push_back({id < 0 ? std::string(text.substr(begin, end - begin)) : std::string(),
                     piece.at_start && begin == 0, id, piece.limit, piece.steps});
  };
  std::optional<size_t> last_end;
  SpacesRight spaces;
  for (size_t position = 0; position <= text.size();) {
    const auto hit = set.find(text, position, steps);
    if (!hit || (hit->length == 0 && position == last_end)) {
      position += position < text.size() ? utf8_step(text, position).length : 1;
      continue;
    }
    size_t begin = position, end = position + hit->length;
    last_end = position = end;
    const AddedToken &token = tokens_.at(hit->value);
    if (split_special_tokens_ && is_special(token.content)) continue;
    if (token.single_word && touches_word(text, begin, end)) continue;
    // The library's arithmetic: what rstrip took may be found again, and is then given again.
    if (token.lstrip) begin = std::max(skip_spaces_left(text, begin, covered), covered);
    if (token.rstrip) end = spaces.skip(text, end);
    give(covered, begin, -1);
    give(begin, end, hit->value);
    covered = end;
  }
  give(covered, text.size(), -1);
}

void AddedTokens::cut(Pieces &pieces, const TokenSet &set) const {
  Pieces out;
  size_t bytes = 0;
  for (const Piece &piece : pieces) bytes += piece.text.size();
  TrieSteps steps(bytes);
  for (Piece &piece : pieces) {
    if (piece.is_token())
      out.push_back(std::move(piece));
    else
      cut_piece(piece, set, out, steps);
  }
  pieces = std::move(out);
}

Pieces AddedTokens::extract(std::string_view text, PatternSteps *steps) const {
  Pieces pieces{{std::string(text), true, -1, kMinPieceLimit + kMaxGrowth * text.size(), steps}};
  cut(pieces, raw_);
  for (Piece &piece : pieces)
    if (!piece.is_token() && normalizer_) normalizer_->apply(piece);
  cut(pieces, normalized_);
  return pieces;
}

}  // namespace kvern::tokenizer
