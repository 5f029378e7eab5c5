// Models that look whole words up: WordLevel, and WordPiece (the longest known beginning, again and again).
#pragma once
#include "runtime/tokenizer/models/model.hpp"
#include "runtime/tokenizer/models/vocabulary.hpp"
#include "runtime/tokenizer/text/trie.hpp"

namespace kvern::tokenizer {

class WordLevelModel : public Model {
 public:
  explicit WordLevelModel(const JsonNode &node);

  void encode(std::string_view piece, std::vector<int64_t> &ids) const override;
  std::optional<int64_t> id_of(std::string_view token) const override { return vocabulary_.id_of(token); }
  const std::string *token_of(int64_t id) const override { return vocabulary_.token_of(id); }
  size_t size() const override { return vocabulary_.size(); }

 protected:
  int64_t unk_id(std::string_view piece) const;

  Vocabulary vocabulary_;
  std::string unk_token_;
};

class WordPieceModel : public WordLevelModel {
 public:
  explicit WordPieceModel(const JsonNode &node);
  void encode(std::string_view piece, std::vector<int64_t> &ids) const override;

 private:
  void index_parts(const JsonNode &vocab);
  bool append_parts(std::string_view piece, std::vector<int64_t> &ids) const;

  Trie first_, next_;   // tokens that begin a word; those that continue one, without their prefix
  std::string prefix_;  // continuing_subword_prefix
  size_t max_chars_;    // longer words are unknown
};

}  // namespace kvern::tokenizer
