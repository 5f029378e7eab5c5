// WordLevel and WordPiece.
#include "runtime/tokenizer/models/word_models.hpp"

#include <kvern/error.hpp>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {

WordLevelModel::WordLevelModel(const JsonNode &node)
    : vocabulary_(node.at("vocab")), unk_token_(node.at("unk_token").string()) {}

int64_t WordLevelModel::unk_id(std::string_view piece) const {
  if (const auto id = vocabulary_.id_of(unk_token_)) return *id;
  throw Error(ErrorKind::input, "the tokenizer has no token for '" + std::string(piece) +
                                    "', and its unk_token '" + unk_token_ + "' is not in the vocabulary");
}

void WordLevelModel::encode(std::string_view piece, std::vector<int64_t> &ids) const {
  const auto id = vocabulary_.id_of(piece);
  ids.push_back(id ? *id : unk_id(piece));
}

WordPieceModel::WordPieceModel(const JsonNode &node)
    : WordLevelModel(node),
      prefix_(node.string_or("continuing_subword_prefix", "##")),
      max_chars_(static_cast<size_t>(node.integer_or("max_input_chars_per_word", 0, INT32_MAX, 100))) {}

bool WordPieceModel::append_parts(std::string_view piece, std::vector<int64_t> &ids) const {
  for (size_t start = 0; start < piece.size();) {
    size_t end = piece.size();
    std::optional<int64_t> id;
    while (start < end && !id) {
      const std::string part = (start > 0 ? prefix_ : "") + std::string(piece.substr(start, end - start));
      id = vocabulary_.id_of(part);
      if (!id) previous_char(piece, end);
    }
    if (!id) return false;
    ids.push_back(*id);
    start = end;
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
