// sentencepiece's unigram model: the cut of a piece with the greatest sum of scores.
#pragma once
#include "runtime/tokenizer/models/model.hpp"
#include "runtime/tokenizer/models/vocabulary.hpp"
#include "runtime/tokenizer/text/trie.hpp"

namespace kvern::tokenizer {

class UnigramModel : public Model {
 public:
  explicit UnigramModel(const JsonNode &node);

  void encode(std::string_view piece, std::vector<int64_t> &ids) const override;
  std::optional<int64_t> id_of(std::string_view token) const override { return vocabulary_.id_of(token); }
  const std::string *token_of(int64_t id) const override;
  size_t size() const override { return tokens_.size(); }

 private:
  std::vector<std::string_view> best_cut(std::string_view piece) const;
  void append_unknown(std::string_view text, std::vector<int64_t> &ids) const;
  int64_t unk_id(std::string_view text) const;

  Vocabulary vocabulary_;
  std::vector<std::string> tokens_;
  std::vector<double> scores_;
  Trie trie_;
  double min_score_;
  std::optional<int64_t> unk_id_;
  bool byte_fallback_;
};

}  // namespace kvern::tokenizer
