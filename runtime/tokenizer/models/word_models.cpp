// WordLevel and WordPiece.
#include "runtime/tokenizer/models/word_models.hpp"

#include <kvern/error.hpp>

#include "runtime/support/printable.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {

WordLevelModel::WordLevelModel(const JsonNode &node)
    : vocabulary_(node.at("vocab")), unk_token_(node.at("unk_token").string()) {}

int64_t WordLevelModel::unk_id(std::string_view piece) const {
  if (const auto id = vocabulary_.id_of(unk_token_)) return *id;
  throw Error(ErrorKind::input, "the tokenizer has no token for " + in_quotes(piece) +
                                    ", and its unk_token " + in_quotes(unk_token_) +
                                    " is not in the vocabulary");
}

void WordLevelModel::encode(std::string_view piece, std::vector<int64_t> &ids) const {
  const auto id = vocabulary_.id_of(piece);
  ids.push_back(id ? *id : unk_id(piece));
}

WordPieceModel::WordPieceModel(const JsonNode &node)
    : WordLevelModel(node),
      prefix_(node.string_or("continuing_subword_prefix", "##")),
      max_chars_(static_cast<size_t>(node.integer_or("max_input_chars_per_word", 0, INT32_MAX, 100))) {
  index_parts(node.at("vocab"));
}

void WordPieceModel::index_parts(const JsonNode &vocab) {
  for (const auto &[token, id] : vocab.json().items()) {
    first_.insert(token, static_cast<uint32_t>(id.get<int64_t>()));
    if (token.starts_with(prefix_))
      next_.insert(std::string_view(token).substr(prefix_.size()), static_cast<uint32_t>(id.get<int64_t>()));
  }
}

bool WordPieceModel::append_parts(std::string_view piece, std::vector<int64_t> &ids) const {
  TrieSteps steps(piece.size());
  for (size_t start = 0; start < piece.size();) {
    size_t walked = 0;
    const auto hit = (start == 0 ? first_ : next_).longest_prefix(piece.substr(start), walked);
    steps.take(walked);
    if (!hit) return false;
    ids.push_back(hit->value);
    start += hit->length;
  }
  return true;
}

void WordPieceModel::encode(std::string_view piece, std::vector<int64_t> &ids) const {
  const size_t before = ids.size();
  if (count_chars(piece) <= max_chars_ && append_parts(piece, ids)) return;
  ids.resize(before);
  ids.push_back(unk_id(piece));
}

}  // namespace kvern::tokenizer
